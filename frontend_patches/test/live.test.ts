import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Live, POLL } from '../src/live';
import { UsageState } from '../src/state.svelte';
import { budget, DICTIONARY, ENGLISH, group as some, usage } from './support';

const group = (total: number) => some({ usage: usage({ total }) });
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
    '/api/usage/page': () => json({ groups: { a: group(1) }, budgets: [budget()], models, words: ENGLISH }),
    '/api/usage/me': () => json({ groups: { a: group(2) }, budgets: [] }),
  };
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push(`${path} ${new Headers(init.headers).get('authorization')}`);
    return (answers[path.split('?')[0] ?? ''] ?? (() => json({}, 404)))();
  });
  state = new UsageState();
  live = new Live(state, () => eventsArrive, redraw);
});
afterEach(() => {
  live.login('', 'en-US');
  Object.defineProperty(document, 'hidden', { value: false, configurable: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('nobody signed in: nothing is asked', async () => {
  live.login('', 'en-US');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toEqual([]);
  expect(live.expected).toBe(false);
});

test('one request for each login', async () => {
  live.login('t', 'en-US');
  live.login('t', 'en-US');
  await settle();
  expect(asked).toEqual(['/api/usage/page?lang=en-US Bearer t']);
  expect(total()).toBe(1);
  expect(live.ready).toBe(true);
  expect(redraw).toHaveBeenCalled();
});

test('while events arrive nothing else is asked', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(1);
  live.changed({ groups: { a: group(9) } });
  expect(total()).toBe(9);
  live.changed({ groups: { a: null } });
  expect(state.groups.size).toBe(0);
});

test('where events cannot arrive, every three seconds is asked', async () => {
  live.login('t', 'en-US');
  await vi.advanceTimersByTimeAsync(2 * POLL);
  expect(asked.slice(1)).toEqual(Array(2).fill('/api/usage/me Bearer t'));
  expect(total()).toBe(2);
});

test('a hidden tab does no work, and looks again as soon as it is seen', async () => {
  live.login('t', 'en-US');
  await settle();
  hide(true);
  redraw.mockClear();
  await vi.advanceTimersByTimeAsync(10 * POLL);
  expect(asked).toHaveLength(1);
  hide(false);
  await settle();
  expect(asked).toHaveLength(2);
  expect(total()).toBe(2);
});

test('events that come to a hidden tab change nothing until it is seen, and then cost one question', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  await settle();
  hide(true);
  redraw.mockClear();
  for (const n of [7, 8, 9]) live.changed({ groups: { a: group(n) } });
  live.missed();
  expect(total()).toBe(1);
  expect(redraw).not.toHaveBeenCalled();
  hide(false);
  await settle();
  expect(asked).toHaveLength(2);
  expect(total()).toBe(2);
});

test('a tab that was hidden and missed nothing asks nothing', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  await settle();
  hide(true);
  hide(false);
  await settle();
  expect(asked).toHaveLength(1);
});

test('budgets come with answers and with events', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  await settle();
  expect(state.budgets).toEqual([budget()]);
  live.changed({ groups: { a: group(3) } });
  expect(state.budgets).toEqual([budget()]);
  live.changed({ groups: {}, budgets: [budget({ used: 4 })] });
  expect(state.budgets).toEqual([budget({ used: 4 })]);
  expect(total()).toBe(3);
});

test('another language is asked for once, and only where the words differ', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  live.login('t', 'de-DE'); // too early: one thing after the other
  await settle();
  expect(state.words).toEqual(ENGLISH);
  live.login('t', 'en-GB');
  answers['/api/usage/page'] = () => json({ groups: {}, models, words: DICTIONARY['de'] });
  live.login('t', 'de-DE');
  live.login('t', 'de-AT');
  await settle();
  expect(asked).toEqual(['/api/usage/page?lang=en-US Bearer t', '/api/usage/page?lang=de-DE Bearer t']);
  expect(state.words.effort).toBe('Denkaufwand');
});

test('on a slow network there is one question at a time', async () => {
  live.login('t', 'en-US');
  await settle();
  let answer: (response: Response) => void = () => {};
  answers['/api/usage/me'] = () => new Promise((resolve) => (answer = resolve));
  await vi.advanceTimersByTimeAsync(10 * POLL);
  expect(asked).toHaveLength(2);
  answer(json({ groups: { a: group(5) } }));
  await settle();
  expect(total()).toBe(5);
});

test('an event that comes while an answer is on its way is not lost to it', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  await settle();
  let answer: (response: Response) => void = () => {};
  answers['/api/usage/me'] = () => new Promise((resolve) => (answer = resolve));
  live.missed();
  live.changed({ groups: { a: group(9) } });
  answers['/api/usage/me'] = () => json({ groups: { a: group(9) } });
  answer(json({ groups: { a: group(8) } }));
  await settle();
  await settle();
  expect(total()).toBe(9);
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
  live.login('t', 'en-US');
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(1);
  expect(live.expected).toBe(false);
});

test('trouble passes: asked again until it works', async () => {
  const good = answers['/api/usage/page'];
  answers['/api/usage/page'] = () => Promise.reject(new TypeError('offline'));
  live.login('t', 'en-US');
  await vi.advanceTimersByTimeAsync(POLL);
  expect(asked).toHaveLength(2);
  if (good) answers['/api/usage/page'] = good;
  await vi.advanceTimersByTimeAsync(POLL);
  expect(total()).toBe(1);
});

test('an expired login hides everything until there is a new one', async () => {
  live.login('old', 'en-US');
  await settle();
  answers['/api/usage/me'] = () => json({}, 401);
  await vi.advanceTimersByTimeAsync(POLL);
  expect(live.expected).toBe(false);
  expect(state.groups.size).toBe(0);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(5 * POLL);
  expect(asked).toHaveLength(before);
  live.login('new', 'en-US');
  await settle();
  expect(total()).toBe(1);
});

test('an answer that comes after the login has changed is dropped', async () => {
  let answer: (response: Response) => void = () => {};
  answers['/api/usage/page'] = () => new Promise((resolve) => (answer = resolve));
  live.login('t', 'en-US');
  await settle();
  live.login('', 'en-US');
  answer(json({ groups: { a: group(1) }, models }));
  await settle();
  expect(live.ready).toBe(false);
  expect(state.groups.size).toBe(0);
});

test('the first moment of trouble while polling keeps what is shown', async () => {
  live.login('t', 'en-US');
  await settle();
  answers['/api/usage/me'] = () => json({}, 502);
  await vi.advanceTimersByTimeAsync(POLL);
  expect(total()).toBe(1);
  expect(live.ready).toBe(true);
});

test('an event that overtakes the first answer is not lost', async () => {
  eventsArrive = true;
  live.login('t', 'en-US');
  live.changed({ groups: { a: group(2) } });
  await settle();
  await settle();
  expect(asked).toHaveLength(2);
  expect(total()).toBe(2);
});
