// Tabs, banner, keys, and how far the server is.

const TABS = ['chat', 'papers', 'map'];

function showTab(name) {
  root.dataset.tab = name;
  hideTip();
  for (const tab of TABS) {
    $(tab).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute('aria-selected', String(tab === name));
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  if (name === 'papers' && !$('found').querySelector('.pa-row')) showPapers();
  if (name === 'map') showMap();
}

function banner(text, kind = '') {
  $('banner').hidden = !text;
  $('banner').dataset.kind = kind;
  $('banner').replaceChildren(...(text ? [text, h('button', {type: 'button', class: 'pa-icon', 'aria-label': 'Dismiss', onclick: () => banner('')}, icon('close'))] : []));
}

const closeSide = () => { root.classList.remove('pa-side-open'); $('top').querySelector('[data-do=side]').setAttribute('aria-expanded', 'false'); };

/** Ask the server what is here, and again until it is ready. */
async function refresh() {
  const before = about;
  try {
    about = await call('about');
  } catch (problem) {
    if (!(problem instanceof Unreachable)) return banner(problem.message, 'error');
    return lookAgain();
  }
  const {phase, stage, done, total, problem} = about;
  if (phase === 'opening') {
    banner(`Preparing the papers: ${stage}${total ? `, ${done.toLocaleString()} of ${total.toLocaleString()}` : done ? ` ${done.toLocaleString()}` : ''}`, 'wait');
  } else if (phase === 'loading') {
    banner('The language model is being loaded; quotes are there at once.', 'wait');
  } else if (problem) {
    banner(`The language model cannot be used: ${problem}. Answers are quotes.`, 'error');
  } else if (['wait', 'gone'].includes($('banner').dataset.kind)) {
    banner('');
  }
  for (const turn of current.turns) if (turn.state === 'writing') showTurn(current, turn);
  if (phase !== 'ready') setTimeout(refresh, 1200);
  if (phase === 'opening') return showAll();
  if (kept.owner !== about.user || !before.model) {
    kept.owner = about.user;
    openFirst();
    if (root.dataset.tab !== 'chat') showTab(root.dataset.tab);
  }
  $('corpus').textContent = `${about.papers.toLocaleString()} papers, answers by ${about.model}`;
  showFilters();
  showComposer();
  if (sendWhenReady) send();
}

function lookAgain() {
  banner('The assistant cannot be reached. Your conversations are kept; this page tries again by itself.', 'gone');
  setTimeout(refresh, 3000);
}

function openFirst() {
  const count = Number(kept.get('draws', 0)) || about.draws_on;
  const choices = [...new Set([1, 3, 5, 8, 12, 20, about.draws_on])].sort((a, b) => a - b);
  $('draws').replaceChildren(...choices.map(n => h('option', {value: n}, String(n))));
  $('draws').value = String(choices.includes(count) ? count : about.draws_on);
  const mode = root.querySelector(`[name=pa-mode][value="${kept.get('mode', 'written')}"]`);
  if (mode) mode.checked = true;
  const id = kept.get('current', null);
  current = (id && kept.get(`conversation/${id}`, null)) || fresh();
  for (const turn of current.turns) if (turn.state === 'writing') turn.state = 'stopped';
  showAll();
}

function listen() {
  const box = $('question');
  $('composer').addEventListener('submit', event => { event.preventDefault(); send(); });
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
  });
  box.addEventListener('input', () => fit(box));
  $('stop').addEventListener('click', stop);
  $('draws').addEventListener('change', () => kept.set('draws', Number($('draws').value)));
  $('mode').addEventListener('change', () => kept.set('mode', root.querySelector('[name=pa-mode]:checked').value));

  $('find').addEventListener('input', soon);
  for (const name of ['year', 'source', 'sort']) $(name).addEventListener('change', soon);
  for (const move of ['wheel', 'touchmove']) $('turns').addEventListener(move, hideTip, {passive: true});
  $('add').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => { addFiles([...$('file').files]); $('file').value = ''; });

  root.addEventListener('click', event => {
    const doing = event.target.closest('[data-do]')?.dataset.do;
    const tab = event.target.closest('[role=tab]')?.dataset.tab;
    if (tab) showTab(tab);
    if (doing === 'new') { newConversation(); closeSide(); }
    if (doing === 'side') {
      const open = root.classList.toggle('pa-side-open');
      $('top').querySelector('[data-do=side]').setAttribute('aria-expanded', String(open));
    }
    if (doing === 'theme') {
      const theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
      localStorage.setItem('paper-assistant/theme', theme);
      setTheme(theme);
    }
    for (const open of root.querySelectorAll('.pa-menu[open]')) {
      if (!open.contains(event.target) || event.target.closest('.pa-menu-items button')) open.open = false;
    }
  });
  root.addEventListener('themed', () => { if (root.dataset.tab === 'map') showMap(); });
  root.querySelector('[role=tablist]').addEventListener('keydown', event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(root.dataset.tab) + step + TABS.length) % TABS.length];
    showTab(next);
    $(`tab-${next}`).focus();
  });

  const typing = target => target.closest?.('input, textarea, select, [contenteditable]');
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      if (writing.has(current.id)) stop();
      else if (root.querySelector('.pa-menu[open]')) root.querySelector('.pa-menu[open]').open = false;
      else if (!$('drawer').hidden) closeCard();
      else closeSide();
    }
    if (event.key === '/' && !typing(event.target) && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $(root.dataset.tab === 'papers' ? 'find' : 'question').focus();
    }
  });

  const files = event => [...(event.dataTransfer?.types ?? [])].includes('Files');
  document.addEventListener('dragover', event => { if (files(event)) { event.preventDefault(); $('drop').hidden = false; } });
  document.addEventListener('dragleave', event => { if (!event.relatedTarget) $('drop').hidden = true; });
  document.addEventListener('drop', event => {
    if (!files(event)) return;
    event.preventDefault();
    $('drop').hidden = true;
    addFiles([...event.dataTransfer.files]);
  });
  window.addEventListener('storage', event => { if (event.key === kept.key('conversations')) showConversations(); });
}

for (const place of root.querySelectorAll('[data-icon]')) place.append(icon(place.dataset.icon));
setTheme(localStorage.getItem('paper-assistant/theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
current = fresh();
listen();
showAll();
refresh().then(() => { if (root.dataset.tab === 'chat' && innerWidth > 700) $('question').focus(); });
