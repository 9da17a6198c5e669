import { isRecord, readModels, readUsageUpdate, type Models, type UsageUpdate } from './model';
import type { Words } from './words';

/** Why there is no answer: `absent` (no plugin behind this server), `login` (not or no longer signed in), `trouble` (try again). */
export type Refusal = 'absent' | 'login' | 'trouble';

async function get(path: string, token: string): Promise<Record<string, unknown> | Refusal> {
  try {
    const response = await fetch(path, {
      credentials: 'same-origin',
      headers: { Accept: 'application/json', Authorization: `Bearer ${token}` },
    });
    if (response.status === 401 || response.status === 403) return 'login';
    // Open WebUI answers an unknown path with its own page: 200, text/html.
    const json = response.headers.get('content-type')?.includes('application/json') ?? false;
    if (response.status === 404 || (response.ok && !json)) return 'absent';
    if (!response.ok) return 'trouble';
    const body: unknown = await response.json();
    return isRecord(body) ? body : 'absent';
  } catch {
    return 'trouble';
  }
}

/** Everything there is to show, in one request; the words in `language`, a BCP 47 tag, where the server has them. */
export async function loadPage(
  token: string,
  language: string,
): Promise<(UsageUpdate & { models: Models; words: Words }) | Refusal> {
  const body = await get(`/api/usage/page?lang=${encodeURIComponent(language)}`, token);
  return typeof body === 'string'
    ? body
    : {
        ...readUsageUpdate(body),
        models: readModels(body['models']),
        words: (isRecord(body['words']) ? body['words'] : {}) as Words,
      };
}

/** All groups that this user may see, and the budgets that bind them. */
export async function loadUsageUpdate(token: string): Promise<UsageUpdate | Refusal> {
  const body = await get('/api/usage/me', token);
  return typeof body === 'string' ? body : readUsageUpdate(body);
}
