import { flushSync } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EFFORTS_KEY } from '../src/efforts';
import { Page } from '../src/page/page';
import { budget, DICTIONARY, DOCUMENTED, ENGLISH, group as some, usage } from './support';

const group = some({ limit: 10_000 });
const reasoners = some({ models: ['o1'], usage: usage({ in: 1, out: 2, total: 3 }) });
const model = (effort: string | null, efforts = effort ? DOCUMENTED : []) => ({
  name: '',
  base: null,
  effort,
  efforts,
});

let answer: unknown;
let page: Page;
let wanted = true;
const sent: RequestInit[] = [];

/** Open WebUI's input, reduced to what its versions share. */
const inputs: Record<string, (model: string) => string> = {
  '0.12': (name) => `
    <form><div id="message-input-container"><div id="chat-input-container"><p id="chat-input"></p></div>
      <div class="flex justify-between" dir="ltr">
        <div id="left"><button></button><span><div><button id="integration-menu-button"></button></div></span></div>
        <div class="overflow-x-auto"><button id="web-search"></button></div>
        <div><button id="model-selector-model-button"><span>${name}</span></button></div>
      </div></div></form>`,
  '0.10': (name) => `<button id="model-selector-0-button">${name}</button>
    <form><div id="message-input-container"><div id="chat-input-container"><p id="chat-input"></p></div>
      <div class="flex justify-between" dir="ltr">
        <div id="left"><button></button><div class="overflow-x-auto">
          <div><button id="integration-menu-button"></button></div><button id="web-search"></button>
        </div></div></div></div></form>`,
  '0.6.18': (name) => `<button id="model-selector-0-button">${name}</button>
    <form><div id="box"><div class="px-2.5"><div id="chat-input-container"><p id="chat-input"></p></div></div>
      <div class="flex justify-between" dir="ltr">
        <div id="left"><button></button><div class="overflow-x-auto"><button id="web-search"></button></div></div>
      </div></div></form>`,
};

const frame = async () => {
  await new Promise((resolve) => setTimeout(resolve, 60));
  flushSync();
};
const draw = async (html: string) => {
  document.body.innerHTML = html;
  await frame();
};
const lines = () =>
  [...document.querySelectorAll('[data-usage-group]')].map((line) =>
    line.textContent?.trim().replace(/\s+/g, ' '),
  );
const button = () => document.querySelector<HTMLButtonElement>('[aria-label^="Reasoning effort"]');

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem('token', 't');
  document.documentElement.lang = 'en-US';
  wanted = true;
  sent.length = 0;
  answer = {
    groups: { openai: group },
    words: ENGLISH,
    models: {
      o1: model('medium'),
      o3: model('low'),
      claude: model('default', ['default', 'low', 'medium', 'high']),
      'gpt-4o': model(null),
      'o-plain': model(null),
    },
  };
  for (const [id, value] of Object.entries((answer as { models: Record<string, { name: string }> }).models))
    value.name = id;
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    if (path.startsWith('/api/usage/')) return Response.json(answer);
    sent.push(init);
    return Response.json({});
  });
  page = new Page(() => wanted);
  page.start();
});
afterEach(async () => {
  wanted = false;
  await draw('<p></p>');
  vi.unstubAllGlobals();
});

test.each(Object.keys(inputs))('both stand in their places in %s', async (version) => {
  await draw(inputs[version]?.('o1') ?? '');
  expect(lines()).toEqual(['1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000']);
  const box = document.querySelector('#message-input-container, #box');
  expect(box?.previousElementSibling).toBe(document.querySelector('[data-usage-part=counter]'));
  const search = document.getElementById('web-search');
  expect(button()?.compareDocumentPosition(search as Node)).toBe(Node.DOCUMENT_POSITION_FOLLOWING);
  const integrations = document.getElementById('integration-menu-button');
  if (integrations)
    expect(button()?.compareDocumentPosition(integrations)).toBe(Node.DOCUMENT_POSITION_PRECEDING);
});

test('they follow the model', async () => {
  await draw(inputs['0.12']?.('gpt-4o') ?? '');
  expect(lines()).toEqual([]);
  expect(button()).toBeNull();
  document.querySelector('#model-selector-model-button span')!.firstChild!.nodeValue = 'o3';
  await frame();
  expect(lines()).toHaveLength(1);
  expect(button()?.textContent).toContain('Low');
});

test('they are there once after the page has redrawn, and gone where there is no chat', async () => {
  await draw(inputs['0.12']?.('o1') ?? '');
  await draw('<main>settings</main>');
  expect(document.querySelector('[data-usage-part]')).toBeNull();
  await draw(inputs['0.10']?.('o1') ?? '');
  expect(document.querySelectorAll('[data-usage-part]')).toHaveLength(2);
});

test.each([
  ['an input outside a form', '<div id="message-input-container"><p id="chat-input"></p></div>'],
  ['no box', '<form><p id="chat-input"></p></form>'],
])('they stay out of markup that is not as expected: %s', async (_what, html) => {
  await draw(`<button id="model-selector-0-button">o1</button>${html}`);
  expect(document.querySelector('[data-usage-part]')).toBeNull();
});

test('several groups carry their names', async () => {
  answer = { ...(answer as object), groups: { openai: group, reasoners } };
  localStorage.setItem('token', 'another');
  await draw(inputs['0.12']?.('o1') ?? '');
  await frame();
  expect(lines()).toEqual([
    'openai 1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000',
    'reasoners 1 IN · 2 OUT · 3 TOTAL',
  ]);
});

test('a choice is stored for the model and goes with its requests', async () => {
  await draw(inputs['0.12']?.('o1') ?? '');
  const ask = () => fetch('/api/chat/completions', { method: 'POST', body: '{"model":"o1"}' });
  await ask();
  button()?.click();
  await frame();
  document.querySelectorAll<HTMLElement>('[role=option]')[2]?.click();
  await frame();
  await ask();
  expect(sent.map(({ body }) => JSON.parse(String(body)).reasoning)).toEqual([
    { effort: 'medium' },
    { effort: 'high' },
  ]);
  expect(JSON.parse(localStorage.getItem(EFFORTS_KEY) ?? '')).toEqual({ o1: 'high' });
  expect(button()?.textContent).toContain('High');
});

test("the provider's default is shown and nothing is sent, until somebody chooses", async () => {
  await draw(inputs['0.12']?.('claude') ?? '');
  const ask = () => fetch('/api/chat/completions', { method: 'POST', body: '{"model":"claude"}' });
  expect(button()?.textContent).toContain('Provider default');
  await ask();
  for (const option of [3, 0]) {
    button()?.click();
    await frame();
    document.querySelectorAll<HTMLElement>('[role=option]')[option]?.click();
    await frame();
    await ask();
  }
  expect(sent.map(({ body }) => JSON.parse(String(body)).reasoning)).toEqual([
    undefined,
    { effort: 'high' },
    { efforts: { claude: 'default' } },
  ]);
});

test('in a chat with several models each that reasons has its own effort', async () => {
  history.replaceState(null, '', '/?models=gpt-4o,o1,o3');
  await draw(inputs['0.12']?.('gpt-4o +2') ?? '');
  expect(button()?.textContent).toContain('Mixed');
  button()?.click();
  await frame();
  const parts = [...document.querySelectorAll('[role=group]')].map((part) => part.getAttribute('aria-label'));
  expect(parts).toEqual(['o1', 'o3']);
  document.querySelectorAll<HTMLElement>('[role=option]')[3]?.click();
  document.querySelectorAll<HTMLElement>('[role=option]')[2]?.click();
  await frame();
  expect(JSON.parse(localStorage.getItem(EFFORTS_KEY) ?? '')).toEqual({ o1: 'high', o3: 'low' });
  history.replaceState(null, '', '/');
});

test('a mentioned model moves both', async () => {
  await draw(inputs['0.12']?.('gpt-4o') ?? '');
  expect(lines()).toEqual([]);
  const picture = '<img src="/api/v1/models/model/profile/image?id=o1&lang=en">';
  document.getElementById('message-input-container')?.insertAdjacentHTML('afterbegin', picture);
  await frame();
  expect(lines()).toHaveLength(1);
  expect(button()?.textContent).toContain('Medium');
  document.querySelector('img')?.remove();
  await frame();
  expect(lines()).toEqual([]);
});

test('a budget is shown for every model that it counts, in no group too', async () => {
  answer = { ...(answer as object), budgets: [budget({ used: 9.5 })] };
  localStorage.setItem('token', 'another');
  await draw(inputs['0.12']?.('gpt-4o') ?? '');
  await frame();
  expect(lines()).toEqual(['family $9.50 / $10.00']);
  expect(document.querySelector('[data-usage-group]')?.getAttribute('data-level')).toBe('full');
});

test('the page changes its language, and both follow', async () => {
  await draw(inputs['0.12']?.('o1') ?? '');
  answer = { ...(answer as object), words: DICTIONARY['de'] };
  document.documentElement.lang = 'de-DE';
  document.body.append('x');
  await frame();
  await frame();
  expect(document.querySelector('[aria-label="Denkaufwand: Mittel"]')).not.toBeNull();
  expect(lines()).toEqual(['1.234 IN · 5.678 OUT · 6.912 TOTAL / 10.000']);
});

test('they leave when the page has them itself', async () => {
  await draw(inputs['0.12']?.('o1') ?? '');
  wanted = false;
  document.body.append('x');
  await frame();
  expect(document.querySelector('[data-usage-part]')).toBeNull();
});

test('a new login draws them, a logout takes them away', async () => {
  localStorage.removeItem('token');
  await draw(inputs['0.12']?.('o1') ?? '');
  expect(lines()).toEqual([]);
  localStorage.setItem('token', 'next');
  document.body.append('x');
  await frame();
  expect(lines()).toHaveLength(1);
});
