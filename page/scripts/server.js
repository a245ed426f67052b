// The functions of the server: those that answer at once, and those that answer bit by bit.

const api = (window.gradio_config?.root || location.origin).replace(/\/$/, '') + '/gradio_api';

class Unreachable extends Error {}

async function post(path, body) {
  let response;
  try {
    response = await fetch(`${api}/${path}`, {
      method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
    });
  } catch {
    throw new Unreachable('The assistant cannot be reached. Your conversations are kept; they go on when it is back.');
  }
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(said.error || said.detail || `The server answered ${response.status}.`);
  return said;
}

/** The result of a function that answers at once. */
const call = async (name, ...data) => (await post(`run/page_${name}`, {data})).data[0];

/** Feeds every result of a function to `each`; a signal that is aborted stops it on the server too. */
async function stream(name, data, each, signal) {
  const session = crypto.randomUUID?.() || String(Math.random()).slice(2);
  const {event_id} = await post(`call/page_${name}`, {data, session_hash: session});
  const fn = window.gradio_config?.dependencies?.find(d => d.api_name === `page_${name}`)?.id ?? 0;
  signal?.addEventListener('abort', () => {
    post('cancel', {session_hash: session, fn_index: fn, event_id}).catch(() => {});
  });
  let body;
  try {
    body = (await fetch(`${api}/call/page_${name}/${event_id}`, {signal})).body.getReader();
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new Unreachable('The connection to the assistant broke.');
  }
  const decoder = new TextDecoder();
  let waiting = '', finished = false;
  const take = block => {
    const event = /^event: (.*)$/m.exec(block)?.[1];
    const value = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null');
    if (event === 'error') throw new Error(value?.error || (typeof value === 'string' && value) || 'The assistant could not answer.');
    if (event === 'generating' || event === 'complete') {
      if (value?.length) each(value[0]);
      finished ||= event === 'complete';
    }
  };
  for (;;) {
    let part;
    try {
      part = await body.read();
    } catch (problem) {
      if (signal?.aborted) throw problem;
      throw new Unreachable('The connection to the assistant broke.');
    }
    if (part.done) break;
    waiting += decoder.decode(part.value, {stream: true});
    const blocks = waiting.split('\n\n');
    waiting = blocks.pop();
    blocks.forEach(take);
    if (finished) return;
  }
  if (!finished && !signal?.aborted) throw new Unreachable('The connection to the assistant broke.');
}
