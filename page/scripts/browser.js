// What the browser offers: elements made of text, what it keeps, files, the clipboard.

const root = element.querySelector('#pa');
const $ = id => root.querySelector('#pa-' + id);

/** An element. Strings among its children become text, never markup. */
function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'class') made.className = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return made;
}

const SHAPES = {
  edit: 'M12 20h9M16.5 3.5a2.1 2.1 0 0 1 3 3L7 19l-4 1 1-4z',
  bin: 'M3 6h18M8 6V4h8v2M6 6l1 14h10l1-14',
  good: 'M14 9V5a3 3 0 0 0-3-3l-4 9v11h11.3a2 2 0 0 0 2-1.7l1.4-9a2 2 0 0 0-2-2.3zM7 22H4a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h3',
  bad: 'M10 15v4a3 3 0 0 0 3 3l4-9V2H5.7a2 2 0 0 0-2 1.7l-1.4 9a2 2 0 0 0 2 2.3zM17 2h2.7A2.3 2.3 0 0 1 22 4v7a2.3 2.3 0 0 1-2.3 2H17',
  close: 'M18 6 6 18M6 6l12 12',
  menu: 'M3 6h18M3 12h18M3 18h18',
  moon: 'M21 12.8A9 9 0 1 1 11.2 3 7 7 0 0 0 21 12.8z',
  send: 'M12 19V5M5 12l7-7 7 7',
  stop: 'M7 7h10v10H7z',
  check: 'M5 13l4 4L19 7',
  quote: 'M10 7H5v6h5zM10 13c0 3-1.5 4-4 4M19 7h-5v6h5zM19 13c0 3-1.5 4-4 4',
};

/** A small drawing; what it means is said by the label of what it stands in. */
function icon(name) {
  const drawing = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of Object.entries({viewBox: '0 0 24 24', 'aria-hidden': 'true', class: `pa-svg pa-svg-${name}`})) drawing.setAttribute(key, value);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', SHAPES[name]);
  drawing.append(path);
  return drawing;
}

const button = (label, onclick, properties = {}) => h('button', {type: 'button', class: 'pa-button', onclick, ...properties}, label);

/** A menu that opens below its name. */
const menu = (name, ...items) => h('details', {class: 'pa-menu'}, h('summary', {}, name), h('div', {class: 'pa-menu-items'}, items));

/** Values kept in this browser, for one user of one page. */
const kept = {
  owner: '',
  key: name => `paper-assistant/${kept.owner}/${name}`,
  get(name, otherwise) {
    try { return JSON.parse(localStorage.getItem(kept.key(name))) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(kept.key(name), JSON.stringify(value)); return true; } catch { return false; }
  },
  remove(name) { localStorage.removeItem(kept.key(name)); },
};

function say(text) { $('live').textContent = text; }

function download(name, text, type = 'text/plain') {
  const url = URL.createObjectURL(new Blob([text], {type: type + ';charset=utf-8'}));
  const link = h('a', {href: url, download: name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function copy(text, where) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page that is not served over https has no clipboard of its own
    const box = h('textarea', {class: 'pa-hidden'});
    box.value = text;
    root.append(box);
    box.select();
    document.execCommand('copy');
    box.remove();
  }
  say('Copied');
  if (!where) return;
  const label = where.textContent;
  where.textContent = 'Copied ✓';
  setTimeout(() => { where.textContent = label; }, 1200);
}

const fileName = text => (text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 50) || 'papers');

function setTheme(theme) {
  root.dataset.theme = theme;
  document.documentElement.style.colorScheme = theme;
  document.body.style.background = theme === 'dark' ? '#16140f' : '#faf8f4';
  root.dispatchEvent(new Event('themed'));
}
