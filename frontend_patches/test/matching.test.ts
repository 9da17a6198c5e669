import { describe, expect, test } from 'vitest';
import { groupsOf, matches } from '../src/matching';
import type { Group, Model } from '../src/model';

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
  const group = (...models: string[]): Group => ({ models, limit: null, usage: { in: 0, out: 0, total: 0 } });
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
