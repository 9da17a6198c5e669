import { describe, expect, test } from 'vitest';
import { groupsOf, matches, tightestOf } from '../src/matching';
import type { Group, Model } from '../src/model';
import { budget, group as some } from './support';

test.each([
  ['gpt-4o', 'gpt-4o', true],
  ['gpt-4o', 'gpt-4o-mini', false],
  ['gpt-4o*', 'gpt-4o', true],
  ['gpt-4o*', 'gpt-4o-mini', true],
  ['*mini', 'gpt-4o-mini', true],
  ['*4o*', 'gpt-4o-mini', true],
  ['o?-preview', 'o1-preview', true],
  ['o?-preview', 'o-preview', false],
  ['o?', 'o1-mini', false],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-b-b', false],
  ['*', '', true],
  ['', 'x', false],
  ['gpt.4o', 'gpt-4o', false], // a dot is a dot
  ['[ab]', 'a', false], // brackets are brackets
  ['[ab]', '[ab]', true],
  ['GPT-4o', 'gpt-4o', false],
  ['model?', 'model😀', true], // one character, two code units
])('%s on %s: %s', (pattern, id, expected) => {
  expect(matches(pattern, id)).toBe(expected);
});

test('a pattern full of stars does not hang the page', () => {
  const started = performance.now();
  expect(matches('*a'.repeat(40) + 'b', 'a'.repeat(4000))).toBe(false);
  expect(performance.now() - started).toBeLessThan(500);
});

describe('groups of the selected models', () => {
  const group = (...models: string[]): Group => some({ models });
  const model = (base: string | null): Model => ({ name: 'any', base, effort: null });
  const groups = new Map([
    ['openai', group('gpt-*', 'o1')],
    ['mini', group('*-mini')],
    ['assistants', group('my-helper')],
  ]);
  const models = new Map([
    ['gpt-4o-mini', model(null)],
    ['my-helper', model('gpt-4o')],
    ['llama', model(null)],
  ]);
  const names = (...selected: string[]) => groupsOf(selected, groups, models).map(([name]) => name);

  test('a model can be in several', () => expect(names('gpt-4o-mini')).toEqual(['openai', 'mini']));
  test('a workspace model counts by its own id and by its base', () =>
    expect(names('my-helper')).toEqual(['openai', 'assistants']));
  test('each shows once, whatever holds it', () =>
    expect(names('gpt-4o-mini', 'my-helper')).toEqual(['openai', 'mini', 'assistants']));
  test('a model that is in none shows none', () => expect(names('llama')).toEqual([]));
  test('a model that the list does not know still counts by its id', () =>
    expect(names('o1')).toEqual(['openai']));
});

describe('the tightest budget', () => {
  const models = new Map([['helper', { name: 'Helper', base: 'gpt-4o', effort: null }]]);
  const groups = new Map([['openai', some({ models: ['gpt-*'] })]]);
  const name = (budgets: ReturnType<typeof budget>[], ...selected: string[]) =>
    tightestOf(selected, budgets, groups, models)?.name;
  const half = budget({ name: 'half', used: 5 });
  const most = budget({ name: 'most', used: 900, limit: 1000, unit: 'tokens' });

  test('is the one of which the greatest share is used, whatever its unit', () => {
    expect(name([half, most], 'gpt-4o')).toBe('most');
    expect(name([most, half], 'gpt-4o')).toBe('most');
  });
  test('has to count a model of the chat', () => {
    expect(name([half, { ...most, models: ['o1'] }], 'gpt-4o')).toBe('half');
    expect(name([half, { ...most, models: ['o1'] }], 'gpt-4o', 'o1')).toBe('most');
    expect(name([{ ...half, models: ['gpt-4o'] }], 'helper')).toBe('half');
    expect(name([half])).toBeUndefined();
  });
  test('may count the models of a group', () => {
    const of = budget({ name: 'of', models: null, group: 'openai' });
    expect(name([of], 'gpt-4o')).toBe('of');
    expect(name([of], 'o1')).toBeUndefined();
    expect(name([{ ...of, group: 'unseen' }], 'gpt-4o')).toBeUndefined();
  });
  test('limits: one that only counts is none', () => {
    expect(name([budget({ limit: null })], 'gpt-4o')).toBeUndefined();
    expect(name([half, budget({ name: 'zero', limit: 0, used: 0 })], 'gpt-4o')).toBe('zero');
  });
});
