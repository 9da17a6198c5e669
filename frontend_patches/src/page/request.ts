import { isRecord } from '../model';
import { reasoningFor, type EffortOf } from '../reasoning';

const CHAT = /\/api\/(v1\/)?chat\/completions$/;

/** The body of a chat request with the efforts of its models; null where there is nothing to add. */
export function withEffort(text: string, effortOf: EffortOf): string | null {
  const body: unknown = JSON.parse(text);
  if (!isRecord(body) || typeof body['model'] !== 'string') return null;
  // What the caller said stands.
  if ('reasoning' in body || 'reasoning_effort' in body) return null;
  if (isRecord(body['params']) && body['params']['reasoning_effort'] != null) return null;

  // A chat with several models is one request that names them all.
  const messages: unknown[] = Array.isArray(body['message_ids']) ? body['message_ids'] : [];
  const models = messages
    .map((message) => (isRecord(message) ? message['model_id'] : null))
    .filter((model) => typeof model === 'string');
  const reasoning = reasoningFor(body['model'], models, effortOf);
  return reasoning && JSON.stringify({ ...body, reasoning });
}

/** Adds the chosen effort to every chat request of the page. Whatever is not as expected passes untouched. */
export function addToRequests(effortOf: EffortOf): void {
  const send = window.fetch;
  window.fetch = function (input, init) {
    try {
      if (init?.method?.toUpperCase() === 'POST' && typeof init.body === 'string') {
        const url = input instanceof Request ? input.url : String(input);
        if (CHAT.test(new URL(url, location.href).pathname)) {
          const body = withEffort(init.body, effortOf);
          if (body) init = { ...init, body };
        }
      }
    } catch {
      // Not a request that this script understands.
    }
    return send.call(window, input, init);
  };
}
