import { get } from 'svelte/store';
import { DOCUMENTED } from './support';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Socket } from './host/stores';

const group = (total: number) => ({ models: ['o*'], limit: null, usage: { in: 0, out: total, total } });
const models = {
  o1: { name: 'o1', base: null, effort: 'medium', efforts: DOCUMENTED },
  o3: { name: 'o3', base: null, effort: 'low', efforts: DOCUMENTED },
  plain: { name: 'plain', base: null, effort: null },
};

/** Each test has a page of its own: the modules under test keep one state for a page. */
async function newPage() {
  vi.resetModules();
  const stores = await import('./host/stores');
  const host = await import('../src/host/usage.svelte');
  return { ...stores, ...host };
}

/** Open WebUI's socket, as far as we listen to it. */
class FakeSocket implements Socket {
  connected = true;
  readonly #listeners = new Map<string, (payload?: unknown) => void>();
  on(event: string, listener: (payload?: unknown) => void): void {
    this.#listeners.set(event, listener);
  }
  say(event: string, payload?: unknown): void {
    this.#listeners.get(event)?.(payload);
  }
}

let asked: string[];
let answer: () => Response;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  localStorage.setItem('token', 'mine');
  asked = [];
  answer = () => Response.json({ groups: { a: group(1) }, models });
  vi.stubGlobal('fetch', async (path: string) => {
    asked.push(path);
    return answer();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function signedIn() {
  const page = await newPage();
  const socket = new FakeSocket();
  page.socket.set(socket);
  page.user.set({ id: 'me' });
  page.usage.show([], 'en');
  await settle();
  return { ...page, server: socket };
}

test('asks once for who is signed in, however many inputs are on screen', async () => {
  const { usage } = await signedIn();
  usage.show(['o1'], 'en');
  usage.show(['o1'], 'en-GB');
  await settle();
  expect(asked).toHaveLength(1);
  expect(usage.expected).toBe(true);
  expect(usage.state.lines).toHaveLength(1);
});

test('asks for nobody, and forgets who signs out', async () => {
  const page = await newPage();
  page.usage.show(['o1'], 'en');
  await settle();
  expect(asked).toEqual([]);
  page.user.set({ id: 'me' });
  await settle();
  expect(page.usage.state.groups.size).toBe(1);
  page.user.set(null);
  expect(page.usage.state.groups.size).toBe(0);
  expect(page.usage.expected).toBe(false);
});

test('keeps away from a server without the plugin', async () => {
  answer = () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } });
  const { usage, reasoning } = await signedIn();
  usage.show(['o1'], 'en');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(usage.expected).toBe(false);
  expect(reasoning('o1', ['o1'], [])).toEqual({});
  expect(asked).toHaveLength(1);
  expect(localStorage.getItem('openwebuiUsageLines')).toBe('0'); // no room for it the next time
});

test("takes over what comes through Open WebUI's socket", async () => {
  const { usage, server } = await signedIn();
  server.say('usage', { groups: { a: group(7) } });
  expect(usage.state.groups.get('a')?.usage.total).toBe(7);
  server.say('usage', 'nonsense');
  expect(usage.state.groups.get('a')?.usage.total).toBe(7);
});

test('listens to a socket once, though the store tells of it again', async () => {
  const { socket, server } = await signedIn();
  const on = vi.spyOn(server, 'on');
  socket.set(get(socket));
  expect(on).not.toHaveBeenCalled();
});

test('asks for what it may have missed before a socket that connects late', async () => {
  const { socket } = await signedIn();
  const late = new FakeSocket();
  late.connected = false;
  socket.set(late);
  expect(asked).toHaveLength(1);
  late.say('connect');
  await settle();
  expect(asked).toHaveLength(2);
});

test('asks for what it may have missed when the socket is back', async () => {
  const { server } = await signedIn();
  server.say('connect');
  await settle();
  expect(asked).toHaveLength(1);
  server.say('disconnect');
  server.say('connect');
  await settle();
  expect(asked).toHaveLength(2);
});

test('asks for the models again when one is chosen that nobody told of, once', async () => {
  const { usage } = await signedIn();
  usage.show(['new'], 'en');
  await settle();
  usage.show(['new', ''], 'en');
  await settle();
  expect(asked).toHaveLength(2);
  expect(usage.state.selected).toEqual(['new']);
});

test('asks again in another language', async () => {
  const { usage } = await signedIn();
  usage.show(['o1'], 'de-DE');
  await settle();
  expect(asked).toHaveLength(2);
  expect(usage.state.language).toBe('de-DE');
});

test('says the effort of the model that is asked', async () => {
  const { reasoning } = await signedIn();
  expect(reasoning('o1', ['o1'], [undefined, {}])).toEqual({ reasoning: { effort: 'medium' } });
  expect(reasoning('plain', ['plain'], [])).toEqual({});
});

test("says each model's own where several are selected", async () => {
  const { reasoning } = await signedIn();
  expect(reasoning('o1', ['o1', 'o3', 'plain', ''], [])).toEqual({
    reasoning: { effort: 'medium', efforts: { o1: 'medium', o3: 'low' } },
  });
});

test('says the effort of a model that is asked though it is not selected', async () => {
  const { reasoning } = await signedIn();
  expect(reasoning('o3', ['o1'], [])).toEqual({
    reasoning: { effort: 'low', efforts: { o3: 'low', o1: 'medium' } },
  });
});

test('says nothing where the chat or the user has set it', async () => {
  const { reasoning } = await signedIn();
  expect(reasoning('o1', ['o1'], [{ reasoning_effort: 'high' }, {}])).toEqual({});
  expect(reasoning('o1', ['o1'], [null, { reasoning_effort: null }])).toEqual({
    reasoning: { effort: 'medium' },
  });
});
