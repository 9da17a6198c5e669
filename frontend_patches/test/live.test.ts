import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Live, POLL } from '../src/live';
import { UsageState } from '../src/state.svelte';

const group = (total: number) => ({ models: ['o*'], limit: null, usage: { in: 0, out: total, total } });
const models = { o1: { name: 'o1', base: null, effort: 'medium' } };

let answers: Record<string, () => Response | Promise<Response>>;
let asked: string[];
let eventsArrive: boolean;
let state: UsageState;
let live: Live;
const redraw = vi.fn();

const json = (body: unknown, status = 200) => Response.json(body, { status });
const settle = () => vi.advanceTimersByTimeAsync(0);
const hide = (hidden: boolean) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  live.visible();
};
const total = () => state.groups.get('a')?.usage.total;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  redraw.mockClear();
  asked = [];
  eventsArrive = false;
  answers = {
    '/api/usage/page': () => json({ groups: { a: group(1) }, models }),
    '/api/usage/groups': () => json({ groups: { a: group(2) } }),
  };
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push(`${path} ${new Headers(init.headers).get('authorization')}`);
    return (answers[path] ?? (() => json({}, 404)))();
  });
  state = new UsageState();
  live = new Live(state, () => eventsArrive, redraw);
});
afterEach(() => {
  live.login('');
  Object.defineProperty(document, 'hidden', { value: false, configurable: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('nobody signed in: nothing is asked', async () => {
  live.login('');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toEqual([]);
  expect(live.expected).toBe(false);
});

test('one request for each login', async () => {
  live.login('t');
  live.login('t');
  await settle();
  expect(asked).toEqual(['/api/usage/page Bearer t']);
  expect(total()).toBe(1);
  expect(live.ready).toBe(true);
  expect(redraw).toHaveBeenCalled();
});

test('while events arrive nothing else is asked', async () => {
  eventsArrive = true;
  live.login('t');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(1);
  live.changed(new Map([['a', group(9)]]));
  expect(total()).toBe(9);
  live.changed(new Map([['a', null]]));
  expect(state.groups.size).toBe(0);
});

test('where events cannot arrive, every three seconds is asked', async () => {
  live.login('t');
  await vi.advanceTimersByTimeAsync(2 * POLL);
  expect(asked.slice(1)).toEqual(Array(2).fill('/api/usage/groups Bearer t'));
  expect(total()).toBe(2);
});

test('a hidden tab does no work, and looks again when it is seen', async () => {
  live.login('t');
  await settle();
  hide(true);
  await vi.advanceTimersByTimeAsync(10 * POLL);
  expect(asked).toHaveLength(1);
  hide(false);
  await vi.advanceTimersByTimeAsync(POLL);
  expect(asked).toHaveLength(2);
});

test.each<[string, () => Response]>([
  [
    'a page, as Open WebUI answers without the plugin',
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
  ],
  ['404', () => json({ detail: 'Not Found' }, 404)],
  ['JSON of another shape', () => json([])],
])('%s: no plugin here, nothing more is asked', async (_what, answer) => {
  answers['/api/usage/page'] = answer;
  live.login('t');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(1);
  expect(live.expected).toBe(false);
});

test('trouble passes: asked again until it works', async () => {
  const good = answers['/api/usage/page'];
  answers['/api/usage/page'] = () => Promise.reject(new TypeError('offline'));
  live.login('t');
  await vi.advanceTimersByTimeAsync(POLL);
  expect(asked).toHaveLength(2);
  if (good) answers['/api/usage/page'] = good;
  await vi.advanceTimersByTimeAsync(POLL);
  expect(total()).toBe(1);
});

test('an expired login hides everything until there is a new one', async () => {
  live.login('old');
  await settle();
  answers['/api/usage/groups'] = () => json({}, 401);
  await vi.advanceTimersByTimeAsync(POLL);
  expect(live.expected).toBe(false);
  expect(state.groups.size).toBe(0);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(before);
  live.login('new');
  await settle();
  expect(total()).toBe(1);
});

test('an answer that comes after the login has changed is dropped', async () => {
  let answer: (response: Response) => void = () => {};
  answers['/api/usage/page'] = () => new Promise((resolve) => (answer = resolve));
  live.login('t');
  await settle();
  live.login('');
  answer(json({ groups: { a: group(1) }, models }));
  await settle();
  expect(live.ready).toBe(false);
  expect(state.groups.size).toBe(0);
});

test('the first moment of trouble while polling keeps what is shown', async () => {
  live.login('t');
  await settle();
  answers['/api/usage/groups'] = () => json({}, 502);
  await vi.advanceTimersByTimeAsync(POLL);
  expect(total()).toBe(1);
  expect(live.ready).toBe(true);
});

test('an event that overtakes the first answer is not lost', async () => {
  eventsArrive = true;
  live.login('t');
  live.changed(new Map([['a', group(2)]]));
  await settle();
  await settle();
  expect(asked).toHaveLength(2);
  expect(total()).toBe(2);
});
