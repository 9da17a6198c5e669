import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  claimOnBudget,
  claimOnGroup,
  expected,
  verdict,
  type Asked,
  type Expected,
} from '../src/advice/expected';
import { promptTokens } from '../src/advice/prompt';
import { reachableGroup, reachedOf } from '../src/advice/reached';
import { Say } from '../src/advice/say';
import { Table, type Typical, type TypicalEffort } from '../src/advice/typical';
import texts from '../src/advice/words.json';
import { budget, DICTIONARY, group, usage } from './support';

const effort = (fields: Partial<TypicalEffort> = {}): TypicalEffort => ({
  calls: 9,
  tokens: [2900, 4100, 6300],
  out: [3000, 4200, 6400],
  cost: [0.02, 0.03, 0.06],
  ...fields,
});
const typical: Typical = {
  shown: true,
  models: {
    o3: {
      prompt_price: 2000,
      efforts: { medium: effort({ tokens: [1000, 1400, 2000], cost: [0.01, 0.01, 0.01] }), high: effort() },
    },
    'gpt-4o': { prompt_price: null, efforts: { '': effort({ cost: null }) } },
  },
};
const high: Asked = { id: 'o3', effort: 'high' };

test('a message uses its prompt and an answer of the chosen effort', () => {
  expect(expected(typical, [high], 1000)).toEqual({
    tokens: [3900, 5100, 7300],
    documented: [4000, 5200, 7400],
    cost: [0.022, 0.032, 0.062],
  });
});

test('several models each get the prompt, and one without a price leaves the cost open', () => {
  expect(expected(typical, [high, { id: 'o3', effort: 'medium' }], 100)?.tokens).toEqual([4100, 5700, 8500]);
  expect(expected(typical, [high, { id: 'gpt-4o', effort: '' }], 0)).toMatchObject({
    tokens: [5800, 8200, 12600],
    cost: null,
  });
});

test('of what one of them has never said nothing is expected', () => {
  expect(expected(typical, [high, { id: 'o3', effort: 'low' }], 100)).toBeNull();
  expect(expected(typical, [{ id: 'new', effort: '' }], 100)).toBeNull();
  expect(expected(typical, [], 100)).toBeNull();
});

const use: Expected = { tokens: [10, 20, 30], documented: [15, 25, 35], cost: [1, 2, 3] };

test('a group is claimed as it counts', () => {
  const limited = { limit: 1000, usage: usage({ total: 900 }) };
  expect(claimOnGroup(group(limited), use)).toEqual({ left: 100, takes: [15, 25, 35] });
  expect(claimOnGroup(group({ ...limited, counting: 'billed' }), use)?.takes).toEqual([10, 20, 30]);
  expect(claimOnGroup(group(), use)).toBeNull();
});

test('a budget is claimed in its unit', () => {
  expect(claimOnBudget(budget({ limit: 10, used: 4 }), use, 2)).toEqual({ left: 6, takes: [1, 2, 3] });
  expect(claimOnBudget(budget({ unit: 'requests' }), use, 2)?.takes).toEqual([2, 2, 2]);
  expect(claimOnBudget(budget({ unit: 'tokens' }), use, 2)?.takes).toEqual([15, 25, 35]);
  expect(claimOnBudget(budget({ limit: null }), use, 2)).toBeNull();
  expect(claimOnBudget(budget(), { ...use, cost: null }, 2)).toBeNull();
});

test.each([
  [30, 'fits'],
  [29, 'perhaps'],
  [10, 'perhaps'],
  [9, 'over'],
  [0, 'over'],
])('with %d left it %s', (left, says) => expect(verdict({ left, takes: [10, 20, 30] })).toBe(says));

const say = new Say('en-US');
const usual = { name: 'Medium', known: effort({ tokens: [900, 1400, 2000] }) };

test('a level says how much it usually is, and how many times the usual one', () => {
  expect(say.level(effort(), usual)).toBe('about 3 × Medium, typically 4,100 tokens, $0.03');
  expect(say.level(usual.known, usual)).toBe('typically 1,400 tokens, $0.03');
  expect(say.level(effort({ tokens: [400, 468, 500], cost: null }), usual)).toBe(
    'about 0.3 × Medium, typically 470 tokens',
  );
  expect(say.level(undefined, usual)).toBe('not known yet');
});

test('an amount is a range of two digits each, and no range where both ends are the same', () => {
  expect(say.amounts(expected(typical, [high], 1000))).toEqual(['about 3,900–7,300 tokens', '$0.022–$0.062']);
  expect(say.amounts({ tokens: [1001, 1002, 1003], documented: [0, 0, 0], cost: null })).toEqual([
    'about 1,000 tokens',
  ]);
  expect(say.amounts(null)).toEqual(['not known yet']);
});

test('whether it fits is said with the share', () => {
  expect(say.fit({ left: 100, takes: [10, 12, 20] })).toBe('fits, 12% of what is left');
  expect(say.fit({ left: 1e6, takes: [10, 12, 20] })).toBe('fits, <1% of what is left');
  expect(say.fit({ left: 15, takes: [10, 12, 20] })).toBe('may not fit, 80% of what is left');
  expect(say.fit({ left: 0, takes: [10, 12, 20] })).toBe('will probably not fit');
});

const places = (text: string) => text.match(/\{\w+\}/g)?.sort();

test.each(Object.keys(DICTIONARY))('%s has all words', (language) => {
  const words = (texts as Record<string, Record<string, string>>)[language] ?? {};
  for (const [name, english] of Object.entries(texts.en)) {
    expect(words[name]?.trim(), name).toBeTruthy();
    expect(places(words[name] ?? ''), name).toEqual(places(english));
  }
});

test('a language that nobody has translated, and what is none, is English', () => {
  expect(new Say('fi-FI').words).toBe(texts.en);
  expect(new Say('not a tag').amounts(null)).toEqual(['not known yet']);
  expect(new Say('de-DE').fit({ left: 100, takes: [1, 12, 13] })).toMatch(/^passt, 12\s%/);
});

test('the prompt is what is written, and the messages before it, each once', () => {
  document.body.innerHTML = `
    <div id="messages-container">
      <div id="message-1">${'a'.repeat(40)}</div>
      <div id="message-2"><div id="message-2-body">${'b'.repeat(40)}</div></div>
    </div>
    <div id="chat-input">${'c'.repeat(21)}</div>`;
  expect(promptTokens()).toBe(26);
  document.body.innerHTML = '<textarea id="chat-input"></textarea>';
  (document.getElementById('chat-input') as HTMLTextAreaElement).value = 'twelve chars';
  expect(promptTokens()).toBe(3);
  document.body.innerHTML = '';
  expect(promptTokens()).toBe(0);
});

let now = 0;
const answers = vi.fn<typeof fetch>();
beforeEach(() => {
  now = 0;
  localStorage.setItem('token', 'one');
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.stubGlobal('fetch', answers.mockReset());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
const arrivals = () => new Promise((then) => setTimeout(then));

test('the table is asked for once in a few minutes, whatever happens meanwhile', async () => {
  answers.mockImplementation(() => Promise.resolve(Response.json(typical)));
  const arrived = vi.fn();
  const table = new Table(arrived);
  expect(table.get()).toBeNull();
  await arrivals();
  expect(arrived).toHaveBeenCalledOnce();
  for (now = 1; now < 300_000; now += 1000) expect(table.get()).toEqual(typical);
  expect(answers).toHaveBeenCalledOnce();
  now = 300_000;
  expect(table.get()).toEqual(typical);
  expect(answers).toHaveBeenCalledTimes(2);
});

test('somebody else who signs in is told nothing of what the last one was', async () => {
  answers.mockImplementation(() => Promise.resolve(Response.json(typical)));
  const table = new Table(vi.fn());
  table.get();
  await arrivals();
  localStorage.setItem('token', 'other');
  expect(table.get()).toBeNull();
  expect(new Headers(answers.mock.lastCall?.[1]?.headers).get('authorization')).toBe('Bearer other');
  localStorage.removeItem('token');
  expect(table.get()).toBeNull();
  expect(answers).toHaveBeenCalledTimes(2);
});

test.each([
  ['switched off', () => Response.json({ shown: false, models: {} })],
  ['away', () => new Response('', { status: 503 })],
  ['no JSON', () => new Response('<html>')],
])('nothing is said where the server is %s', async (_what, answer) => {
  answers.mockImplementation(() => Promise.resolve(answer()));
  const table = new Table(vi.fn());
  table.get();
  await arrivals();
  expect(table.get()).toBeNull();
});

test('a limit that is reached says before one types what it does', () => {
  const full = budget({ used: 10, limit: 10, resets_at: '2026-12-01T00:00:00Z' });
  const say = new Say('en');
  const told = (fields: Partial<typeof full>, selected = ['o3']) => {
    const reached = reachedOf({ ...full, ...fields }, selected);
    return reached && say.reached(reached);
  };
  expect(told({})).toMatch(/^until .*2026/);
  expect(told({ resets_at: null })).toBe('until it is raised');
  expect(told({ action: 'fallback', fallback_model: 'small' })).toBe('small answers');
  expect(told({ action: 'fallback', fallback_model: null })).toBe('another model answers');
  expect(told({ action: 'fallback', fallback_model: 'small' }, ['small'])).toBeNull();
  expect(told({ action: 'slow', wait_seconds: 12 })).toBe('each message waits 12 s');
  expect(told({ action: 'warn' })).toBeNull();
  expect(told({ used: 9 })).toBeNull();
  expect(reachedOf(reachableGroup(group({ limit: 5, usage: usage({ total: 5 }) })), ['o3'])).toEqual({
    is: 'blocked',
    until: null,
  });
});
