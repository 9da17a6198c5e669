import { isRecord, readGroups, readModels, type Group, type Models } from './model';

/** Why there is no answer: `absent` (no plugin behind this server), `login` (not or no longer signed in), `trouble` (try again). */
export type Refusal = 'absent' | 'login' | 'trouble';
export type Changes = ReadonlyMap<string, Group | null>;

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

/** Groups and models in one request. */
export async function loadPage(token: string): Promise<{ groups: Changes; models: Models } | Refusal> {
  const body = await get('/api/usage/page', token);
  return typeof body === 'string'
    ? body
    : { groups: readGroups(body['groups']), models: readModels(body['models']) };
}

/** All groups that this user may see. */
export async function loadGroups(token: string): Promise<Changes | Refusal> {
  const body = await get('/api/usage/groups', token);
  return typeof body === 'string' ? body : readGroups(body['groups']);
}
