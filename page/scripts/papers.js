// The papers: found as one types, filtered, sorted, chosen to be asked about, added by dropping a file.

const chosen = new Map();
let page = 0, asked = 0, waiting = null;

function findPapers(text) {
  showTab('papers');
  $('find').value = text;
  page = 0;
  showPapers();
  $('find').focus();
}

function soon() {
  page = 0;
  clearTimeout(waiting);
  waiting = setTimeout(showPapers, 90);
}

async function showPapers() {
  const number = ++asked;
  try {
    const year = Number($('year').value) || null;
    const found = await call('browse', $('find').value.trim(), year, $('source').value || null, $('sort').value, page * 25);
    if (number === asked) drawPapers(found);
  } catch (problem) {
    if (number === asked) $('found').replaceChildren(h('li', {class: 'pa-error'}, problem.message));
  }
}

function drawPapers({total, size, papers}) {
  const first = page * size;
  const filtered = $('find').value.trim() || $('year').value || $('source').value;
  $('total').textContent = total ? `${(first + 1).toLocaleString()}–${(first + papers.length).toLocaleString()} of ${total.toLocaleString()} ${total === 1 ? 'paper' : 'papers'}` : '';
  $('found').replaceChildren(...papers.map(card => {
    const tick = h('input', {type: 'checkbox', 'aria-label': `Choose “${card.title}”`, onchange: event => {
      if (event.target.checked) chosen.set(card.id, card); else chosen.delete(card.id);
      showChosen();
    }});
    tick.checked = chosen.has(card.id);
    return h('li', {class: 'pa-row'}, tick, h('div', {},
      h('button', {type: 'button', class: 'pa-title', onclick: event => openCard(card, {from: event.currentTarget})}, card.title),
      h('p', {class: 'pa-snippet'}, card.abstract.map(([text]) => text).join(' ').slice(0, 220), '…'), details(card)));
  }));
  if (!papers.length) {
    $('found').append(h('li', {class: 'pa-nothing'}, filtered ? 'No paper has these words. Fewer or other words may find some; asking searches by meaning.' : 'There are no papers here yet.',
      filtered ? button('Show all papers', () => { $('find').value = $('year').value = $('source').value = ''; soon(); }) : null,
      filtered && $('find').value.trim() ? button('Ask about it', () => { showTab('chat'); $('question').value = $('find').value; $('question').focus(); }) : null));
  }
  $('found').scrollTop = 0;
  const pages = Math.ceil(total / size);
  const go = to => () => { page = to; showPapers(); };
  $('pages').replaceChildren(...(pages > 1 ? [
    button('« First', go(0), {disabled: page === 0}), button('‹ Back', go(page - 1), {disabled: page === 0}),
    h('span', {}, `page ${(page + 1).toLocaleString()} of ${pages.toLocaleString()}`),
    button('Next ›', go(page + 1), {disabled: page + 1 >= pages}), button('Last »', go(pages - 1), {disabled: page + 1 >= pages})] : []));
  showChosen();
}

function showChosen() {
  $('chosen').hidden = !chosen.size;
  const cards = [...chosen.values()];
  $('chosen').replaceChildren(button(chosen.size === 1 ? 'Ask about this 1 paper' : `Ask about these ${chosen.size} papers`, () => askAbout(cards), {class: 'pa-button pa-strong'}),
    ...listButtons(cards, 'papers'), button('Clear', () => { chosen.clear(); showPapers(); }));
}

function showFilters() {
  const fill = (select, label, values) => {
    const before = select.value;
    select.replaceChildren(h('option', {value: ''}, label), ...values.map(([value, count]) => h('option', {value}, `${value} (${count.toLocaleString()})`)));
    select.value = before;
    if (select.selectedIndex < 0) select.value = '';
  };
  fill($('year'), 'any', about.years || []);
  fill($('source'), 'any', Object.entries(about.sources || {}));
  $('year-field').hidden = !(about.years || []).length;
  $('source-field').hidden = Object.keys(about.sources || {}).length < 2;
  $('add').hidden = !about.adding;
}

// ---- adding

const base64 = file => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.slice(reader.result.indexOf(',') + 1));
  reader.onerror = () => failed(new Error(`${file.name} could not be read.`));
  reader.readAsDataURL(file);
});

async function addFiles(files) {
  if (!about.adding) return banner('Adding papers is switched off here.', 'error');
  showTab('papers');
  const place = $('adding');
  place.hidden = false;
  place.replaceChildren();
  for (const file of files) {
    const line = h('div', {class: 'pa-added'}, `${file.name}: being read…`);
    place.append(line);
    try {
      await stream('add', [file.name, await base64(file)], part => {
        if (part.summary) return line.replaceChildren(...addedSummary(part.summary));
        line.replaceChildren(`${file.name}: ${part.stage} ${part.done.toLocaleString()}${part.total ? ` of ${part.total.toLocaleString()}` : ''}`,
          part.total ? h('progress', {max: part.total, value: part.done, 'aria-label': 'Papers embedded'}) : '');
      });
    } catch (problem) {
      line.replaceChildren(h('span', {class: 'pa-error'}, `${file.name}: ${problem.message}`));
    }
  }
  place.append(button('Close', () => { place.hidden = true; }));
  await refresh();
  showPapers();
}

function addedSummary(summary) {
  const told = [[summary.new, 'added'], [summary.changed, 'changed'], [summary.known, 'known already'], [summary.duplicates, 'twice in the file'], [summary.skipped, 'skipped']]
    .filter(([count]) => count).map(([count, what]) => `${count.toLocaleString()} ${what}`).join(', ') || 'nothing in it';
  return [h('strong', {}, `${summary.file}: ${told}.`), ` There are ${summary.papers.toLocaleString()} papers now; ask away.`,
    summary.problems.length ? h('details', {}, h('summary', {}, 'Why some were skipped'), h('ul', {}, summary.problems.map(problem => h('li', {}, problem)))) : ''];
}
