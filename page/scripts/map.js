// The map: every paper a point among those it is like; a click opens it, the papers of the last answer are lit up.

const COLOURS = ['#2563a8', '#b45309', '#0f766e', '#9d3b6f', '#6d4bb0', '#4d7c0f', '#b91c1c', '#0369a1', '#a16207', '#7c3aed', '#15803d', '#be185d', '#475569', '#92400e'];
const BRIGHT = ['#7fb2ee', '#f0a35c', '#4fc7b8', '#e58bb9', '#b39af0', '#a3cf5a', '#f58585', '#63c0f2', '#dcb54a', '#c4a5fb', '#6fd391', '#f28cbc', '#a8b6c8', '#d9a074'];
const SVG_MOST = 3000;

let picture = null, cluster = null;

const plotly = () => window.Plotly ? Promise.resolve() : new Promise((done, failed) => {
  document.head.append(h('script', {src: `${api}/file=${about.plotly}`, onload: done, onerror: () => failed(new Error('The map’s drawing library could not be loaded.'))}));
});

async function showMap() {
  if (about.phase === 'opening') return;
  const note = $('map-note');
  try {
    if (picture?.of !== about.generation) {
      note.textContent = 'Drawing the map of the papers; this is done once.';
      picture = {...await call('picture'), of: about.generation};
    }
    await plotly();
    await drawMap();
  } catch (problem) {
    note.textContent = problem.message;
  }
}

const lit = () => new Set(current.turns.findLast(turn => turn.answer?.papers.length)?.answer.papers.map(card => card.id) ?? []);

async function drawMap() {
  const dark = root.dataset.theme === 'dark', colours = dark ? BRIGHT : COLOURS, ink = dark ? '#e9e4da' : '#29251f';
  const cited = lit(), at = picture.ids.map((_, i) => i), many = picture.ids.length > SVG_MOST;
  const points = (rows, marker, name) => ({
    type: many ? 'scattergl' : 'scatter', mode: 'markers', name, showlegend: false,
    x: rows.map(i => picture.x[i]), y: rows.map(i => picture.y[i]), customdata: rows.map(i => picture.ids[i]),
    text: rows.map(i => shown(picture.titles[i]) + (picture.years[i] ? ` (${picture.years[i]})` : '')), hovertemplate: '%{text}<extra></extra>', marker,
  });
  const traces = picture.labels.map((label, group) => points(at.filter(i => picture.clusters[i] === group),
    {size: many ? 4 : 8, color: colours[group % colours.length], opacity: cluster === null || cluster === group ? 0.85 : 0.15}, shown(label)));
  traces.push(points(at.filter(i => cited.has(picture.ids[i])), {size: 17, color: 'rgba(0,0,0,0)', line: {width: 3, color: ink}}, 'cited'));
  const middles = picture.labels.map((label, group) => {
    const rows = at.filter(i => picture.clusters[i] === group);
    const middle = rows.reduce((sum, i) => sum + picture.x[i], 0) / rows.length, top = rows.reduce((most, i) => Math.max(most, picture.y[i]), -Infinity);
    return {x: middle, y: top, yanchor: 'bottom', yshift: 5, text: shown(label.split(', ').slice(0, 2).join(', ')), showarrow: false, font: {size: 12, color: ink}, bgcolor: dark ? 'rgba(22,20,15,.72)' : 'rgba(250,248,244,.78)', borderpad: 2, opacity: cluster === null || cluster === group ? 1 : 0.25};
  });
  const axis = {visible: false, fixedrange: false};
  await window.Plotly.react($('plot'), traces, {
    margin: {l: 4, r: 4, t: 4, b: 4}, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', dragmode: 'pan', hovermode: 'closest',
    xaxis: axis, yaxis: {...axis, scaleanchor: 'x'}, annotations: $('plot').clientWidth > 480 ? middles : [], hoverlabel: {align: 'left', font: {family: 'system-ui, sans-serif'}},
  }, {responsive: true, displaylogo: false, scrollZoom: true, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'toImage']});
  $('plot').removeAllListeners?.('plotly_click');
  $('plot').on('plotly_click', ({points: [point]}) => openById(point.customdata, $('plot')));
  const part = picture.papers > picture.ids.length ? ` A sample of ${picture.ids.length.toLocaleString()} is shown.` : '';
  $('map-note').textContent = `${picture.papers.toLocaleString()} papers; those near each other are about like things.${part}${cited.size ? ` Ringed: the ${cited.size === 1 ? 'paper' : `${cited.size} papers`} of the last answer.` : ''} Click one to open it.`;
  drawClusters(colours);
}

function drawClusters(colours) {
  const members = picture.labels.map((_, group) => picture.ids.map((_, i) => i).filter(i => picture.clusters[i] === group));
  $('clusters').replaceChildren(...picture.labels.map((label, group) => h('div', {class: 'pa-cluster'},
    h('button', {type: 'button', 'aria-pressed': String(cluster === group), 'aria-expanded': String(cluster === group), onclick: () => { cluster = cluster === group ? null : group; drawMap(); }},
      h('i', {style: `background:${colours[group % colours.length]}`, 'aria-hidden': 'true'}), label, h('span', {class: 'pa-faint'}, ` ${members[group].length.toLocaleString()}`)),
    cluster === group ? h('ul', {}, members[group].slice(0, 100).map(i => h('li', {}, h('button', {type: 'button', class: 'pa-title', onclick: event => openById(picture.ids[i], event.currentTarget)}, picture.titles[i])))) : '')));
}

/** Text for Plotly, which reads a few tags: none of a paper's own get through. */
const shown = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
