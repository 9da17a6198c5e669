import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Effort } from '../src/model';
import { addToRequests, withEffort } from '../src/page/request';

const efforts: Record<string, Effort> = { o1: 'high', o3: 'low' };
const effortOf = (model: string) => efforts[model] ?? null;
const add = (body: unknown) => {
  const text = withEffort(JSON.stringify(body), effortOf);
  return text && (JSON.parse(text) as unknown);
};

test('a model that reasons gets its effort and keeps everything else', () => {
  const body = { model: 'o1', messages: [{ role: 'user', content: 'é \u2028' }], stream: true };
  expect(add(body)).toEqual({ ...body, reasoning: { effort: 'high' } });
});

test('a chat with several models gets an effort for each that reasons', () => {
  const message_ids = ['gpt-4o', 'o1', 'o3'].map((model_id) => ({ model_id, message_id: model_id }));
  expect(add({ model: 'gpt-4o', message_ids })).toMatchObject({
    reasoning: { efforts: { o1: 'high', o3: 'low' } },
  });
  expect(add({ model: 'o1', message_ids })).toMatchObject({
    reasoning: { effort: 'high', efforts: { o1: 'high', o3: 'low' } },
  });
});

test('a chat with one model needs no list', () => {
  expect(add({ model: 'o1', message_ids: [{ model_id: 'o1', message_id: '1' }] })).toMatchObject({
    reasoning: { effort: 'high' },
  });
  expect(add({ model: 'o1', message_ids: [{ model_id: 'o1' }] })).not.toHaveProperty('reasoning.efforts');
});

test.each<[Effort, object]>([
  ['medium', { effort: 'medium' }],
  ['xhigh', { efforts: { o1: 'xhigh' } }],
  ['none', { efforts: { o1: 'none' } }],
  ['default', { efforts: { o1: 'default' } }],
])('%s is said so that only the documented words stand alone', (effort, reasoning) => {
  const text = withEffort('{"model": "o1"}', () => effort);
  expect(JSON.parse(text ?? '')).toEqual({ model: 'o1', reasoning });
});

test.each([
  [{ model: 'gpt-4o' }],
  [{ model: 'o1', reasoning: { effort: 'low' } }],
  [{ model: 'o1', reasoning: null }],
  [{ model: 'o1', reasoning_effort: 'low' }],
  [{ model: 'o1', params: { reasoning_effort: 'low' } }],
  [{ model: 3 }],
  [{}],
  [[]],
  ['text'],
  [null],
  [{ model: 'gpt-4o', message_ids: [null, 'x', {}, { model_id: 4 }] }],
])('nothing is added to %j', (body) => {
  expect(add(body)).toBeNull();
});

let sent: [unknown, RequestInit | undefined][];
const original = window.fetch;
beforeEach(() => {
  sent = [];
  window.fetch = vi.fn((input: unknown, init?: RequestInit) => {
    sent.push([input, init]);
    return Promise.resolve(new Response('{}'));
  }) as typeof fetch;
  addToRequests(effortOf);
});
afterEach(() => void (window.fetch = original));

const post = (body: BodyInit): RequestInit => ({ method: 'POST', headers: { a: 'b' }, body });
const chat = JSON.stringify({ model: 'o1' });

test.each([
  '/api/chat/completions',
  '/api/v1/chat/completions',
  'https://host/base/api/chat/completions?x=1',
])('the effort goes into POST %s', async (url) => {
  const signal = new AbortController().signal;
  await fetch(url, { ...post(chat), signal });
  expect(sent[0]?.[0]).toBe(url);
  expect(sent[0]?.[1]).toMatchObject({ method: 'POST', headers: { a: 'b' }, signal });
  expect(JSON.parse(String(sent[0]?.[1]?.body))).toEqual({ model: 'o1', reasoning: { effort: 'high' } });
});

test.each<[string, string, RequestInit | undefined]>([
  ['another path', '/api/v1/chats/new', post(chat)],
  ['a path that goes on', '/api/chat/completions/x', post(chat)],
  ['a GET', '/api/chat/completions', undefined],
  ['a body that is no JSON', '/api/chat/completions', post('{broken')],
  ['a body that is no text', '/api/chat/completions', post(new URLSearchParams('a=b'))],
  ['an address that is none', 'http://[', post(chat)],
])('%s passes untouched', async (_what, url, init) => {
  await fetch(url, init);
  expect(sent[0]?.[0]).toBe(url);
  expect(sent[0]?.[1]).toBe(init);
});
