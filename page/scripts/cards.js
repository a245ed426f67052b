// Answers and papers as one sees them: marks, the quote under the pointer, the card in the drawer.

const VERDICTS = {
  quoted: ['quote', 'In the paper’s own words'],
  supported: ['check', 'Checked: the quoted words bear this out'],
  'shown as a quote instead': ['quote', 'Shown as a quote, since the written sentence was not borne out'],
};
const STYLES = {bibtex: ['BibTeX', 'bib'], ris: ['RIS', 'ris'], csv: ['CSV', 'csv'], markdown: ['Markdown', 'md']};

let openedBy = null;

/** A finished answer's text, its marks opening the cards of this very answer. */
function answerText(answer, question) {
  if (!answer.sentences.length) return h('p', {class: 'pa-text'}, answer.text);
  return h('p', {class: 'pa-text'}, answer.sentences.map(sentence => {
    const numbers = [...new Set(sentence.marks.map(mark => mark.number))];
    const [sign, meaning] = VERDICTS[sentence.verdict] || ['quote', sentence.verdict];
    const marks = numbers.map(number => {
      const quotes = sentence.marks.filter(mark => mark.number === number).map(mark => mark.quote);
      const told = {paper: answer.papers[number - 1], quotes: quotes.map(i => answer.quotes[i]), meaning};
      return withTip(h('button', {
        type: 'button', class: 'pa-mark', 'aria-label': `Source ${number}: open the quoted words`,
        onclick: event => openCard(told.paper, {at: quotes, from: event.currentTarget, label: `Source ${number} of “${question}”`}),
      }, `[${number}]`), told);
    });
    const verdict = h('span', {class: 'pa-verdict', 'data-verdict': sentence.verdict, title: meaning, role: 'img', 'aria-label': meaning}, icon(sign));
    return [h('span', {class: 'pa-sentence'}, sentence.text, ' ', marks, verdict), ' '];
  }));
}

const hideTip = () => { $('tip').hidden = true; };

/** The quoted words, shown while the pointer or the focus is on a mark. */
function withTip(target, told) {
  const show = () => {
    const tip = $('tip');
    tip.replaceChildren(h('strong', {}, told.paper.title), ...told.quotes.map(quote => h('q', {}, quote)), h('small', {}, told.meaning));
    tip.hidden = false;
    const at = target.getBoundingClientRect(), frame = root.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left - 40), window.innerWidth - tip.offsetWidth - 12);
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = `${left - frame.left}px`;
    tip.style.top = `${(above > 8 ? above : at.bottom + 6) - frame.top}px`;
    target.setAttribute('aria-describedby', 'pa-tip');
  };
  const hide = () => { hideTip(); target.removeAttribute('aria-describedby'); };
  for (const [event, act] of [['mouseenter', show], ['focus', show], ['mouseleave', hide], ['blur', hide], ['click', hide]]) {
    target.addEventListener(event, act);
  }
  return target;
}

/** The line below a title: year, authors, source, relevance, link. */
function details(card) {
  const authors = card.authors.length > 3 ? `${card.authors.slice(0, 3).join(', ')} and others` : card.authors.join(', ');
  const sources = Object.keys(about.sources || {}).length === 1 ? '' : card.sources.join(', ');
  const parts = [card.year && String(card.year), authors, sources].filter(Boolean).join(' · ');
  return h('span', {class: 'pa-details'}, parts, relevance(card),
    card.url && h('a', {href: card.url, target: '_blank', rel: 'noopener noreferrer'}, 'open the paper ↗'));
}

function relevance(card) {
  if (card.relevance === null) return null;
  const percent = Math.round(100 * Math.max(0, Math.min(1, card.relevance)));
  return h('span', {class: 'pa-relevance', title: 'How near the paper is to the question, by meaning'},
    h('i', {style: `width:${percent / 2.5}px`, 'aria-hidden': 'true'}), `relevance ${percent}`);
}

/** Papers in a list, each opening its card; numbers only where they were cited. */
function paperList(cards, {numbered = false, label = '', question = ''} = {}) {
  return h('ol', {class: 'pa-list', 'aria-label': label}, cards.map((card, at) => h('li', {},
    numbered && h('span', {class: 'pa-number'}, `[${at + 1}]`),
    h('div', {}, h('button', {
      type: 'button', class: 'pa-title',
      onclick: event => openCard(card, {from: event.currentTarget, label: numbered ? `Source ${at + 1} of “${question}”` : ''}),
    }, card.title), details(card)))));
}

/** The paper's card in the drawer; `at` are the positions of the quotes to show. */
function openCard(card, {at = [], from = null, label = ''} = {}) {
  openedBy = from || openedBy;
  const abstract = h('p', {class: 'pa-abstract'}, card.abstract.map(([text, quote]) => [
    quote === null ? text : h('mark', {'data-quote': quote, class: at.includes(quote) ? 'pa-now' : null}, text), ' ']));
  const similar = h('div', {class: 'pa-similar'});
  const copyOne = event => call('cite', [card], 'bibtex').then(text => copy(text, event.target)).catch(showProblem);
  $('drawer').replaceChildren(
    h('div', {class: 'pa-drawer-top'}, h('span', {class: 'pa-faint'}, label),
      h('button', {type: 'button', class: 'pa-icon', 'aria-label': 'Close the paper', onclick: closeCard}, icon('close'))),
    h('h2', {}, card.title), details(card), abstract,
    h('div', {class: 'pa-actions'},
      button('Ask about this paper', () => askAbout([card])),
      button('Similar papers', event => showSimilar(card, similar, event.target)),
      button('Copy BibTeX', copyOne)),
    similar);
  $('drawer').hidden = false;
  root.classList.add('pa-open');
  $('drawer').scrollTop = 0;
  $('drawer').focus({preventScroll: true});
  $('drawer').querySelector('mark.pa-now')?.scrollIntoView({block: 'nearest'});
}

function closeCard() {
  $('drawer').hidden = true;
  root.classList.remove('pa-open');
  if (openedBy?.isConnected) openedBy.focus({preventScroll: true});
}

async function showSimilar(card, place, asked) {
  asked.disabled = true;
  place.replaceChildren(h('p', {class: 'pa-faint'}, 'Looking for similar papers…'));
  try {
    const cards = await call('similar', card.title);
    place.replaceChildren(h('h3', {}, 'Similar papers'), cards.length ? paperList(cards, {label: 'Similar papers'}) : h('p', {}, 'There are no others.'));
  } catch (problem) {
    place.replaceChildren(h('p', {class: 'pa-error'}, problem.message));
  }
  asked.disabled = false;
}

/** Buttons for a list of papers: copied as text, or as a file of any style. */
function listButtons(cards, name) {
  const save = style => call('cite', cards, style)
    .then(text => download(`${fileName(name)}.${STYLES[style][1]}`, text)).catch(showProblem);
  const copyList = event => copy(cards.map((card, at) => `[${at + 1}] ${[card.title, card.authors.join(', '), card.year, card.url].filter(Boolean).join('. ')}`).join('\n'), event.target);
  return [button('Copy list', copyList), menu('Download', Object.entries(STYLES).map(([style, [label]]) => button(label, () => save(style))))];
}

function showProblem(problem) { banner(problem.message, 'error'); }
