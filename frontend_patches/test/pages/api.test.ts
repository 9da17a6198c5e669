import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, apiUrl, call, get, isAbort } from '../../pages/lib/api';
import { setRoot } from '../../pages/lib/root';
import { loadWords } from '../../pages/lib/words';

const answers: (() => Promise<Response> | Response)[] = [];
const asked: { url: string; options: RequestInit }[] = [];

beforeEach(async () => {
  await loadWords('en');
  setRoot('https://chat.example/below/usage/assets/my.js');
  answers.length = asked.length = 0;
  localStorage.clear();
  vi.stubGlobal('fetch', (url: string, options: RequestInit) => {
    asked.push({ url, options });
    return new Promise((resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
      const answer = answers.shift();
      if (answer) Promise.resolve().then(answer).then(resolve, reject);
    });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const json =
  (body: unknown, status = 200) =>
  () =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
};

test('a call goes to where Open WebUI is, with its login', async () => {
  localStorage.setItem('token', 'secret');
  answers.push(json({ groups: {} }));
  expect(await get('/api/usage/groups')).toEqual({ groups: {} });
  expect(asked[0]?.url).toBe('https://chat.example/below/api/usage/groups');
  expect(asked[0]?.options.headers).toMatchObject({ Authorization: 'Bearer secret' });
});

test('without a token the cookie is the login', async () => {
  answers.push(json({ groups: {} }));
  await get('/api/usage/groups');
  expect(asked[0]?.options.headers).not.toHaveProperty('Authorization');
  expect(asked[0]?.options.credentials).toBe('same-origin');
});

test('names in the path and values of the query are written so that they stay what they are', async () => {
  answers.push(json({ status: true }));
  await call('delete', '/api/usage/groups/{name}', { path: { name: 'a b/c' }, query: { cascade: true } });
  expect(asked[0]?.url).toBe('https://chat.example/below/api/usage/groups/a%20b%2Fc?cascade=true');
  expect(apiUrl('api/x', { model: ['a&b', 'c'], none: undefined, empty: '' })).toBe(
    'https://chat.example/below/api/x?model=a%26b&model=c',
  );
});

test('what is wrong with a field is told beside it, in the words of the server', async () => {
  const detail = [{ type: 'x', loc: ['body', 'limit'], msg: 'must be 0 or more (got -1)' }];
  answers.push(json({ detail }, 422));
  const error = await failure(
    call('put', '/api/usage/groups/{name}', { path: { name: 'a' }, body: { limit: -1 } }),
  );
  expect([error.trouble, error.fields, error.message]).toEqual([
    'invalid',
    { limit: 'must be 0 or more (got -1)' },
    'limit: must be 0 or more (got -1)',
  ]);
});

test.each([
  [403, 'forbidden', 'Only admins may do this.', false],
  [404, 'missing', 'There is no usage group "a".', false],
  [409, 'conflict', 'name: a usage group "a" exists already.', false],
  [503, 'server', "The ledger's database is away.", true],
] as const)('%i', async (status, trouble, detail, isPassing) => {
  answers.push(json({ detail }, status));
  const error = await failure(get('/api/usage/groups'));
  expect([error.trouble, error.message, error.isPassing]).toEqual([trouble, detail, isPassing]);
});

test('a login that has ended leads to the sign-in, which comes back here', async () => {
  const assign = vi.spyOn(location, 'assign').mockImplementation(() => undefined);
  answers.push(json({ detail: 'Not authenticated' }, 401));
  expect((await failure(get('/api/usage/groups'))).trouble).toBe('login');
  const address = new URL(`${assign.mock.calls[0]?.[0]}`);
  expect(address.pathname).toBe('/below/auth');
  expect(address.searchParams.get('redirect')).toBe(location.pathname + location.search);
});

test("Open WebUI's own page in place of an answer is no answer", async () => {
  answers.push(() => new Response('<html>', { headers: { 'content-type': 'text/html' } }));
  expect((await failure(get('/api/usage/groups'))).trouble).toBe('absent');
});

test('no network, and a server that does not answer', async () => {
  answers.push(() => Promise.reject(new TypeError('Failed to fetch')));
  expect((await failure(get('/api/usage/groups'))).trouble).toBe('offline');
  vi.useFakeTimers();
  const waiting = failure(get('/api/usage/groups', { timeout: 500 }));
  await vi.advanceTimersByTimeAsync(600);
  expect((await waiting).trouble).toBe('timeout');
});

test('whoever gives a call up is not told that it failed', async () => {
  const abort = new AbortController();
  const waiting = get('/api/usage/groups', { signal: abort.signal }).catch((error: unknown) => error);
  abort.abort();
  expect(isAbort(await waiting)).toBe(true);
});
