/** /api/usage, typed by what the server says of itself. */
import type { paths } from '../../src/openapi';
import { hostUrl } from './root';
import { words } from './words';
import type texts from '../words/shared.json';

type Method = 'get' | 'post' | 'put' | 'delete';
type PathOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths];
type Operation<M extends Method, P extends PathOf<M>> = Extract<paths[P][M], object>;
/** What a call answers. */
export type Answer<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { responses: { 200: { content: { 'application/json': infer T } } } } ? T : never;
type Query<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { parameters: { query?: infer Q } } ? NonNullable<Q> : Record<string, never>;
type InPath<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { parameters: { path: infer Q extends object } } ? { path: Q } : { path?: never };
type Body<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { requestBody: { content: { 'application/json': infer B } } }
    ? { body: B }
    : // A file is sent as it is.
      Operation<M, P> extends { requestBody: { content: { 'application/yaml': string } } }
      ? { body: Blob }
      : { body?: never };

export type Options<M extends Method, P extends PathOf<M>> = InPath<M, P> &
  Body<M, P> & { query?: Partial<Query<M, P>>; signal?: AbortSignal; timeout?: number };

/** Milliseconds after which an answer is no longer waited for. */
export const TIMEOUT = 30_000;

export type Trouble =
  | 'login' // not or no longer signed in; the page is leaving for the sign-in
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'invalid' // `fields` says what
  | 'absent' // no plugin behind this address
  | 'offline' // no answer at all
  | 'timeout'
  | 'server';

/** Why a call failed: in words to show, the server's own where it sent some. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly trouble: Trouble,
    message: string,
    /** What is wrong with which field of the body or the query, by its name; of a field in a field `scope.id`. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** All that is wrong, in order; fields of the entries of a list have the same name. */
    readonly details: readonly string[] = [],
  ) {
    super(message);
  }

  /** Whether the same may work a moment later. */
  get isPassing(): boolean {
    return this.trouble === 'offline' || this.trouble === 'timeout' || this.trouble === 'server';
  }
}

/** Whether a call was given up by whoever made it: nothing to tell anybody. */
export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'AbortError';

/** The login that Open WebUI's page keeps; null where there is none, or only its cookie. */
export const token = (): string | null => {
  try {
    return localStorage.getItem('token');
  } catch {
    return null;
  }
};

/** Open WebUI's sign-in, which comes back here. */
export function signIn(): void {
  const back = `${location.pathname}${location.search}`;
  location.assign(hostUrl(`auth?redirect=${encodeURIComponent(back)}`));
}

/** The address of a call, for links to what is downloaded: the cookie of Open WebUI's sign-in goes with them. */
export function apiUrl(path: string, query: object = {}): string {
  const url = hostUrl(path);
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== '') url.searchParams.append(name, `${each}`);
    }
  }
  return url.href;
}

/** Asks the server. Raises `ApiError`, and an `AbortError` where `signal` was aborted. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  ...[options]: Record<string, never> extends Options<M, P> ? [Options<M, P>?] : [Options<M, P>]
): Promise<Answer<M, P>> {
  const {
    query,
    body,
    signal,
    timeout = TIMEOUT,
    path: inPath,
  } = { ...options } as {
    query?: object;
    body?: unknown;
    signal?: AbortSignal;
    timeout?: number;
    path?: Record<string, unknown>;
  };
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(`${inPath?.[name]}`));
  const answer = await ask(method, apiUrl(filled, query), body, timeout, signal);
  return answer as Answer<M, P>;
}

export const get = <P extends PathOf<'get'>>(
  path: P,
  options?: Options<'get', P>,
): Promise<Answer<'get', P>> => call('get', path, ...([options] as never));

async function ask(
  method: Method,
  url: string,
  body: unknown,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const t = words<typeof texts>('shared').errors;
  const patience = new AbortController();
  const give = () => patience.abort();
  const timer = setTimeout(give, timeout);
  signal?.addEventListener('abort', give);
  try {
    signal?.throwIfAborted();
    const headers: Record<string, string> = { Accept: 'application/json' };
    const bearer = token();
    if (bearer) headers['Authorization'] = `Bearer ${bearer}`;
    const isFile = body instanceof Blob;
    if (body !== undefined) headers['Content-Type'] = isFile ? body.type : 'application/json';
    const response = await fetch(url, {
      method: method.toUpperCase(),
      headers,
      credentials: 'same-origin',
      signal: patience.signal,
      // What is deleted as somebody leaves the page is deleted all the same.
      keepalive: method === 'delete',
      ...(body !== undefined && { body: isFile ? body : JSON.stringify(body) }),
    });
    return await read(response);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (signal?.aborted) throw new DOMException('given up', 'AbortError');
    if (patience.signal.aborted) throw new ApiError('timeout', t.timeout);
    throw new ApiError('offline', t.offline);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
  }
}

async function read(response: Response): Promise<unknown> {
  const t = words<typeof texts>('shared').errors;
  // Open WebUI answers an unknown path with its own page: 200, text/html.
  const isJson = response.headers.get('content-type')?.includes('application/json') ?? false;
  const content: unknown = isJson ? await response.json() : null;
  if (response.ok && isJson) return content;
  if (response.ok) throw new ApiError('absent', t.absent);
  const detail = (content as { detail?: unknown } | null)?.detail;
  const said = typeof detail === 'string' ? detail : '';
  if (response.status === 401) {
    signIn();
    throw new ApiError('login', t.login);
  }
  if (response.status === 403) throw new ApiError('forbidden', said || t.forbidden);
  if (response.status === 404) throw new ApiError(isJson ? 'missing' : 'absent', said || t.absent);
  if (response.status === 409) throw new ApiError('conflict', said || t.server);
  if (response.status === 422 || response.status === 400) {
    const fields = Array.isArray(detail) ? readFields(detail) : {};
    const first = Object.entries(fields)[0];
    const details = Array.isArray(detail) ? (detail as { msg?: unknown }[]).map(({ msg }) => `${msg}`) : [];
    throw new ApiError('invalid', said || (first ? first.join(': ') : t.server), fields, details);
  }
  throw new ApiError('server', said || t.server);
}

function readFields(detail: unknown[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const item of detail as { loc?: unknown; msg?: unknown }[]) {
    const place = Array.isArray(item.loc)
      ? item.loc.filter((part) => part !== 'body' && part !== 'query')
      : [];
    const names = place.filter((part) => typeof part === 'string');
    fields[names.join('.')] ??= `${item.msg}`;
  }
  return fields;
}
