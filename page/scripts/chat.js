// Conversations: kept in this browser alone, each turn with its answer and the citations of that answer.

const STARTED = 'Untitled conversation';
const REMEMBERED_TURNS = 6;

let about = {phase: 'opening'};
let current = null;             // the conversation shown
let scope = [];                 // the papers that the next question keeps to
let editing = null;             // the turn whose question is being edited
const writing = new Map();      // conversation id -> AbortController of the answer being written

const found = new Map();        // turn id -> the quotes found for it, shown until the answer is written

const unchecked = new Map();    // turn id -> {text: words of it that are not checked yet, waiting: for another answer}

const fresh = () => ({id: crypto.randomUUID?.() || String(Date.now()), title: STARTED, at: Date.now(), turns: []});
const listed = () => kept.get('conversations', []);

function keep(conversation) {
  conversation.at = Date.now();
  const {id, title, at} = conversation;
  const done = kept.set(`conversation/${id}`, conversation)
    && kept.set('conversations', [{id, title, at}, ...listed().filter(other => other.id !== id)]);
  if (!done) banner('This browser has no room for more conversations; export and delete some.', 'error');
  showConversations();
}

function openConversation(id) {
  current = kept.get(`conversation/${id}`, null) || fresh();
  for (const turn of current.turns) {
    if (turn.state === 'writing' && !writing.has(id)) turn.state = 'stopped';
  }
  scope = [];
  editing = null;
  kept.set('current', current.id);
  closeCard();
  showTab('chat');
  showAll();
}

function newConversation() {
  current = fresh();
  scope = [];
  editing = null;
  kept.remove('current');
  closeCard();
  showTab('chat');
  showAll();
  $('question').focus();
}

function deleteConversation(id) {
  writing.get(id)?.abort();
  kept.remove(`conversation/${id}`);
  kept.set('conversations', listed().filter(other => other.id !== id));
  if (current.id === id) newConversation();
  showConversations();
}

function renameConversation(id, title) {
  const conversation = id === current.id ? current : kept.get(`conversation/${id}`, null);
  if (!conversation) return;
  conversation.title = title.trim().slice(0, 120) || conversation.title;
  keep(conversation);
}

function showConversations() {
  const items = listed().map(({id, title}) => {
    const name = h('button', {type: 'button', class: 'pa-name', 'aria-current': id === current?.id ? 'true' : null, onclick: () => { openConversation(id); closeSide(); }}, title);
    const rename = () => {
      const box = h('input', {type: 'text', value: title, 'aria-label': 'Name of the conversation'});
      const done = save => {
        if (!box.isConnected) return;
        box.replaceWith(name);
        if (save) renameConversation(id, box.value);
      };
      box.addEventListener('keydown', event => {
        if (event.key === 'Enter') done(true);
        if (event.key === 'Escape') { event.stopPropagation(); done(false); }
      });
      box.addEventListener('blur', () => done(true));
      name.replaceWith(box);
      box.select();
    };
    const sure = ({currentTarget: asked}) => {
      if (asked.dataset.sure) return deleteConversation(id);
      asked.dataset.sure = '1';
      asked.textContent = 'Delete?';
      asked.setAttribute('aria-label', `Delete “${title}” for good`);
      setTimeout(showConversations, 4000);
    };
    return h('li', {class: id === current?.id ? 'pa-here' : null}, name,
      h('button', {type: 'button', class: 'pa-icon', 'aria-label': `Rename “${title}”`, onclick: rename}, icon('edit')),
      h('button', {type: 'button', class: 'pa-icon', 'aria-label': `Delete “${title}”`, onclick: sure}, icon('bin')));
  });
  if ($('conversations').querySelector('input')) return;
  $('conversations').replaceChildren(...(items.length ? items : [h('li', {class: 'pa-faint'}, 'Nothing asked yet')]));
}

// ---- asking

const options = () => ({
  quotes: root.querySelector('[name=pa-mode]:checked').value === 'quotes' || about.model === 'quotes',
  papers: Number($('draws').value) || 0,
  only: scope.map(card => card.id),
  among: scope.map(({id, title}) => ({id, title})),
});

/** Ask, as the turn `at` of the conversation; what came after it is forgotten. */
async function ask(question, at = current.turns.length, how = options()) {
  const conversation = current;
  if (!question.trim() || writing.has(conversation.id)) return;
  const turn = {id: crypto.randomUUID?.() || String(Math.random()), question: question.trim(), how, state: 'writing', text: '', answer: null};
  const history = conversation.turns.slice(0, at).filter(t => t.answer).slice(-REMEMBERED_TURNS).map(t => [t.question, t.answer.said]);
  conversation.turns = [...conversation.turns.slice(0, at), turn];
  if (conversation.title === STARTED) conversation.title = turn.question.slice(0, 80);
  editing = null;
  const control = new AbortController();
  writing.set(conversation.id, control);
  kept.set('current', conversation.id);
  keep(conversation);
  showAll({toEnd: true});
  let answer = null;
  try {
    await stream('converse', [turn.question, history, how], part => {
      if (control.signal.aborted) return;
      if (part.quotes) found.set(turn.id, part.quotes);
      if (part.text !== undefined) turn.text = part.text;
      if (part.answer) answer = part.answer;
      const {text = '', waiting: behind = false} = unchecked.get(turn.id) ?? {};
      if (part.pending === undefined || part.pending !== text || Boolean(part.waiting) !== behind || part.text !== undefined) {
        unchecked.set(turn.id, {text: part.pending ?? '', waiting: Boolean(part.waiting)});
        showTurn(conversation, turn);
      }
    }, control.signal);
    turn.state = 'stopped';
  } catch (problem) {
    turn.state = control.signal.aborted ? 'stopped' : 'failed';
    turn.problem = problem.message;
    if (problem instanceof Unreachable && !control.signal.aborted) lookAgain();
  }
  if (answer) [turn.answer, turn.state] = [answer, 'done'];  // only now: done is when the next question can be asked
  writing.delete(conversation.id);
  found.delete(turn.id);
  unchecked.delete(turn.id);
  keep(conversation);
  for (const other of conversation.turns) if (other !== turn) showTurn(conversation, other, {follow: false});
  showTurn(conversation, turn);
  showComposer();
  if (current.id === conversation.id) say(spoken(turn));
}

const spoken = turn => turn.state === 'done'
  ? `Answer ready: ${turn.answer.sentences.length || 'no'} sentences, ${turn.answer.papers.length} papers cited`
  : turn.state === 'stopped' ? 'Stopped' : turn.problem;

const stop = () => writing.get(current.id)?.abort();

function askAbout(cards) {
  scope = cards.map(({id, title}) => ({id, title}));
  closeCard();
  showTab('chat');
  showComposer();
  $('question').focus();
}

// ---- showing

function showAll({toEnd = false} = {}) {
  hideTip();
  showConversations();
  const turns = current.turns.map(turn => turnElement(turn));
  $('turns').replaceChildren(...(turns.length ? turns : [welcome()]));
  $('turns').scrollTop = toEnd || turns.length ? $('turns').scrollHeight : 0;
  showExport();
  showComposer();
}

function showTurn(conversation, turn, {follow = true} = {}) {
  if (conversation.id !== current.id) return;
  const place = root.querySelector(`[data-turn="${turn.id}"]`);
  if (!place) return;
  const box = $('turns'), followed = follow && box.scrollHeight - box.scrollTop - box.clientHeight < 120;
  hideTip();
  const drawn = turnElement(turn);
  place.replaceWith(drawn);
  if (followed && turn.state === 'writing') box.scrollTop = box.scrollHeight;
  if (followed && turn.state !== 'writing') drawn.scrollIntoView({block: drawn.offsetHeight > box.clientHeight ? 'start' : 'end'});
  showExport();
}

function welcome() {
  if (about.phase === 'opening') return h('div', {class: 'pa-welcome'}, h('h2', {}, 'One moment'), h('p', {}, 'The papers are being prepared. This page is ready when they are.'));
  if (about.papers === 0) return h('div', {class: 'pa-welcome'}, h('h2', {}, 'No papers yet'), h('p', {}, about.adding ? 'Drop a file of papers on this page to begin.' : 'There are no papers in this index.'));
  return h('div', {class: 'pa-welcome'},
    h('h2', {}, 'Ask the papers'),
    h('p', {}, `Answers come from ${about.papers.toLocaleString()} abstracts. Every sentence cites the words it rests on; what the abstracts do not say is not made up.`),
    h('div', {class: 'pa-examples'}, (about.examples || []).map(question =>
      h('button', {type: 'button', class: 'pa-example', onclick: () => ask(question)}, question))));
}

function turnElement(turn) {
  const at = current.turns.indexOf(turn), last = at === current.turns.length - 1;
  const question = editing === turn.id ? editForm(turn, at) : h('div', {class: 'pa-asked'},
    h('h2', {class: 'pa-question-text'}, turn.question),
    turn.how.among?.length ? h('span', {class: 'pa-faint'}, `only in: ${turn.how.among.map(card => card.title).join('; ')}`) : null,
    !writing.has(current.id) && h('button', {
      type: 'button', class: 'pa-icon', 'aria-label': 'Edit this question and ask again',
      onclick: () => { editing = turn.id; showAll(); root.querySelector('.pa-edit textarea').focus(); },
    }, icon('edit')));
  return h('article', {class: `pa-turn pa-${turn.state}`, 'data-turn': turn.id, 'data-status': turn.answer?.status, 'aria-busy': turn.state === 'writing' ? 'true' : null},
    question, answerElement(turn, at, last));
}

function editForm(turn, at) {
  const box = h('textarea', {rows: 2, 'aria-label': 'Question'});
  box.value = turn.question;
  const send = () => ask(box.value, at, turn.how);
  const cancel = () => { editing = null; showAll(); };
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); send(); }
    if (event.key === 'Escape') { event.stopPropagation(); cancel(); }
  });
  const later = current.turns.length - at - 1;
  return h('div', {class: 'pa-asked pa-edit'}, box, h('div', {class: 'pa-actions'}, button('Ask again', send), button('Cancel', cancel),
    later > 0 && h('span', {class: 'pa-faint'}, later === 1 ? 'The turn after it goes.' : `The ${later} turns after it go.`)));
}

function answerElement(turn, at, last) {
  const again = label => button(label, () => ask(turn.question, at, turn.how));
  if (turn.state === 'writing') return beingWritten(turn);
  if (turn.state === 'failed') return h('div', {class: 'pa-answer pa-problem', role: 'alert'}, h('p', {}, turn.problem), h('div', {class: 'pa-actions'}, again('Try again')));
  if (turn.state === 'stopped') {
    return h('div', {class: 'pa-answer pa-half'}, turn.text && h('p', {class: 'pa-text'}, turn.text),
      h('p', {class: 'pa-faint'}, turn.text ? 'Stopped before it was complete and checked.' : 'Stopped.'), h('div', {class: 'pa-actions'}, again('Ask again')));
  }
  const {answer} = turn;
  if (!answer.papers.length) return refusal(turn, at, last);
  return h('div', {class: 'pa-answer'},
    answer.note && h('p', {class: 'pa-note'}, answer.note),
    answerText(answer, turn.question),
    h('h3', {}, answer.papers.length === 1 ? '1 paper' : `${answer.papers.length} papers`),
    paperList(answer.papers, {numbered: true, label: 'Papers cited in this answer', question: turn.question}),
    h('div', {class: 'pa-actions'},
      button('Copy answer', event => copy(asMarkdown([turn]), event.target)),
      listButtons(answer.papers, turn.question),
      last && again('Regenerate'),
      thumbs(turn)),
    made(turn));
}

/** What is there of an answer: checked sentences, words not checked yet, and the quotes it is written from. */
function beingWritten(turn) {
  const {text = '', waiting: behind = false} = unchecked.get(turn.id) ?? {}, quotes = found.get(turn.id) ?? [];
  const state = about.phase === 'loading' && !turn.how.quotes ? 'the language model is still being loaded'
    : behind ? 'another answer is being written, yours is next' : quotes.length ? 'the answer is being written from it' : '';
  const begun = turn.text || text;
  return h('div', {class: 'pa-answer'},
    begun ? h('p', {class: 'pa-text'}, turn.text, text && [' ', h('span', {class: 'pa-pending', title: 'Not checked yet'}, text)]) : null,
    !begun && h('p', {class: 'pa-wait'}, quotes.length ? `This was found; ${state}` : `Searching ${about.papers?.toLocaleString() ?? ''} papers${state && `; ${state}`}`),
    quotes.length ? h('ul', {class: 'pa-found-quotes'}, quotes.map(([quote, title]) => h('li', {}, h('q', {}, quote), h('cite', {}, title)))) : null);
}

/** Nothing could be answered: it looks different, and says where to go from here. */
function refusal(turn, at, last) {
  const {answer} = turn, missing = answer.status === 'not_stated';
  return h('div', {class: 'pa-answer pa-refusal'},
    h('p', {class: 'pa-refused'}, h('strong', {}, missing ? 'The abstracts do not say.' : 'Nothing here is about this.')),
    h('p', {}, missing ? 'There are papers on this, but their abstracts do not hold the answer; their full texts may.'
      : 'None of the papers here deals with it, as far as their abstracts tell. These come closest:'),
    answer.closest.length ? paperList(answer.closest, {label: 'Closest papers'}) : null,
    h('h3', {}, 'What you could ask instead'),
    h('div', {class: 'pa-examples'},
      answer.rephrasings.map(question => h('button', {type: 'button', class: 'pa-example', onclick: () => ask(question)}, question)),
      h('button', {type: 'button', class: 'pa-example', onclick: () => { $('question').value = turn.question; $('question').focus(); fit($('question')); }}, 'Put it in other words…'),
      h('button', {type: 'button', class: 'pa-example', onclick: () => findPapers(keywords(turn.question))}, 'Look for it in the papers')),
    h('div', {class: 'pa-actions'}, last && button('Regenerate', () => ask(turn.question, at, turn.how)), thumbs(turn)),
    made(turn));
}

const LITTLE = new Set('a an and are as at be by can do does for from has have how in is it its of on or that the there this to was were what when where which who why with'.split(' '));
const keywords = question => question.toLowerCase().match(/[\p{L}\p{N}-]+/gu)?.filter(word => !LITTLE.has(word)).sort((a, b) => b.length - a.length).slice(0, 2).join(' ') || question;

function made(turn) {
  const {made: how} = turn.answer;
  const checked = turn.answer.sentences.filter(s => s.verdict === 'supported').length;
  const rows = [
    ['Searched for', how.query],
    ['Written by', how.model === 'quotes' ? 'no language model: the papers’ own words' : how.model],
    ['Sentences', turn.answer.sentences.length ? `${checked} written and checked, ${turn.answer.sentences.length - checked} quoted` : 'none'],
    ['Seconds', Object.entries(how.seconds).map(([step, seconds]) => `${step} ${seconds.toFixed(2)}`).join(', ')],
    ['Tokens', Object.entries(how.tokens).map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none'],
    ['Cost', how.cost != null ? `$${how.cost.toPrecision(2)}` : /^(quotes|local)$|\.gguf$|^scripted$/.test(how.model) ? 'nothing: it ran on this machine' : 'as your provider bills these tokens'],
  ];
  return h('details', {class: 'pa-made', ontoggle: event => event.target.open && event.target.scrollIntoView({block: 'nearest'})}, h('summary', {}, `How this answer was made · ${(how.seconds.total ?? 0).toFixed(1)} s`),
    h('dl', {}, rows.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    h('p', {}, 'Papers considered'),
    h('ol', {}, how.considered.map(([title, id, near]) => h('li', {}, h('button', {type: 'button', class: 'pa-title', onclick: event => openById(id, event.currentTarget)}, title), ` ${Math.round(100 * near)}`))));
}

async function openById(id, from) {
  try {
    const card = await call('paper', id);
    if (card) openCard(card, {from}); else banner('That paper is no longer in the index.', 'error');
  } catch (problem) { showProblem(problem); }
}

// ---- what the reader thinks of it

function thumbs(turn) {
  const place = h('span', {class: 'pa-thumbs'});
  const send = (rating, reason = '', comment = '') => call('rate', {
    question: turn.question, rating, reason, comment, answer: turn.answer, options: {quotes: turn.how.quotes, papers: turn.how.papers, only: turn.how.only},
    history: current.turns.slice(0, current.turns.indexOf(turn)).filter(t => t.answer).map(t => [t.question, t.answer.said]),
  }).then(() => { turn.rating = rating; keep(current); say('Thank you'); draw(); }).catch(showProblem);
  const why = () => {
    const comment = h('input', {type: 'text', placeholder: 'More, if you like', 'aria-label': 'More about what was wrong'});
    place.replaceChildren(h('span', {class: 'pa-why', role: 'group', 'aria-label': 'What was wrong?'}, 'What was wrong?',
      (about.reasons || []).map(reason => button(reason, () => send('down', reason, comment.value))), comment, button('Cancel', draw)));
  };
  const draw = () => place.replaceChildren(
    h('button', {type: 'button', class: 'pa-icon', 'aria-label': 'Good answer', 'aria-pressed': String(turn.rating === 'up'), onclick: () => send('up')}, icon('good')),
    h('button', {type: 'button', class: 'pa-icon', 'aria-label': 'Bad answer', 'aria-pressed': String(turn.rating === 'down'), onclick: why}, icon('bad')),
    turn.rating ? h('span', {class: 'pa-faint'}, 'Thank you') : '');
  draw();
  return place;
}

// ---- taking it away

const marked = text => text.replace(/([\\`*_[\]<>#])/g, '\\$1');

function asMarkdown(turns) {
  return turns.filter(turn => turn.answer).map(({question, answer}) => {
    const text = answer.sentences.length
      ? answer.sentences.map(s => `${marked(s.text)} ${[...new Set(s.marks.map(m => m.number))].map(n => `[${n}]`).join('')}`).join(' ') : marked(answer.text);
    const papers = answer.papers.map((paper, at) => {
      const quotes = paper.abstract.filter(([, quote]) => quote !== null).map(([words]) => `   > ${marked(words)}`);
      return [`${at + 1}. *${marked(paper.title)}*${paper.year ? `, ${paper.year}` : ''}${paper.url ? ` <${paper.url}>` : ''}`, ...quotes].join('\n');
    });
    return `## ${marked(question)}\n\n${text}\n${papers.length ? `\n${papers.join('\n')}\n` : ''}`;
  }).join('\n');
}

function asHtml(conversation) {
  const page = h('html', {lang: 'en'}, h('head', {}, h('meta', {charset: 'utf-8'}), h('title', {}, conversation.title),
    h('style', {}, 'body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}mark{background:#fde68a}h2{margin-top:2.5rem}li{margin:.8rem 0}')));
  const turns = conversation.turns.filter(turn => turn.answer).map(({question, answer}, number) => h('section', {},
    h('h2', {}, question),
    h('p', {}, answer.sentences.length ? answer.sentences.map(s => [s.text, ' ', [...new Set(s.marks.map(m => m.number))].map(n => h('a', {href: `#a${number}-${n}`}, `[${n}]`)), ' ']) : answer.text),
    answer.papers.length ? h('ol', {}, answer.papers.map((paper, at) => h('li', {id: `a${number}-${at + 1}`},
      h('strong', {}, paper.title), paper.year ? `, ${paper.year}` : '', paper.url ? [' ', h('a', {href: paper.url}, paper.url)] : null,
      h('p', {}, paper.abstract.map(([text, quote]) => [quote === null ? text : h('mark', {}, text), ' ']))))) : null));
  page.append(h('body', {}, h('h1', {}, conversation.title), turns));
  return `<!doctype html>\n${page.outerHTML}\n`;
}

/** Every paper cited in a conversation, once. */
function citedPapers() {
  const found = new Map();
  for (const turn of current.turns) for (const paper of turn.answer?.papers ?? []) found.set(paper.id, paper);
  return [...found.values()];
}

function showExport() {
  const cited = citedPapers();
  $('export').hidden = !current.turns.some(turn => turn.answer);
  $('export-items').replaceChildren(
    h('strong', {}, 'This conversation'),
    button('Markdown', () => download(`${fileName(current.title)}.md`, `# ${marked(current.title)}\n\n${asMarkdown(current.turns)}`, 'text/markdown')),
    button('HTML', () => download(`${fileName(current.title)}.html`, asHtml(current), 'text/html')),
    cited.length ? h('strong', {}, cited.length === 1 ? 'Its cited paper' : `Its ${cited.length} cited papers`) : '',
    ...(cited.length ? listButtons(cited, current.title).flatMap(item => item.tagName === 'DETAILS' ? [...item.querySelectorAll('button')] : [item]) : []));
}

// ---- the box one types into

let sendWhenReady = false;

function send() {
  const box = $('question');
  sendWhenReady = about.phase === 'opening' && box.value.trim() !== '';
  if (sendWhenReady) return say('Your question is asked as soon as the papers are ready');
  if (!box.value.trim() || writing.has(current.id)) return;
  ask(box.value);
  box.value = '';
  fit(box);
}

function fit(box) {
  box.style.height = 'auto';
  box.style.height = `${Math.min(box.scrollHeight, 200)}px`;
}

function showComposer() {
  const busy = writing.has(current.id);
  $('send').hidden = busy;
  $('stop').hidden = !busy;
  $('mode').hidden = !about.model || about.model === 'quotes';
  $('scope').hidden = !scope.length;
  $('scope').replaceChildren('Asking only about', ...scope.map(card => h('span', {class: 'pa-chip'}, card.title,
    h('button', {type: 'button', 'aria-label': `Leave out “${card.title}”`, onclick: () => { scope = scope.filter(other => other !== card); showComposer(); }}, icon('close')))),
  scope.length > 1 ? button('All papers again', () => { scope = []; showComposer(); }) : '');
}
