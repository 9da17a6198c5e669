import { expect, test } from 'vitest';
import { readModels, readUsageUpdate } from '../src/model';
import { budget, group } from './support';

test('an answer has groups, those that are gone, and budgets', () => {
  const { groups, budgets } = readUsageUpdate({ groups: { a: group(), gone: null }, budgets: [budget()] });
  expect([...groups]).toEqual([
    ['a', group()],
    ['gone', null],
  ]);
  expect(budgets).toEqual([budget()]);
});

test('an event without budgets leaves them as they were', () => {
  expect(readUsageUpdate({ groups: {} }).budgets).toBeNull();
  expect(readUsageUpdate({ groups: {}, budgets: [] }).budgets).toEqual([]);
});

test.each([[undefined], ['text'], [[1, 2]], [7]])('nonsense is no group and no model: %j', (value) => {
  expect(readUsageUpdate({ groups: value, budgets: {} })).toEqual({ groups: new Map(), budgets: null });
  expect(readModels(value).size).toBe(0);
});

test('a group may be called __proto__', () => {
  expect([...readUsageUpdate(JSON.parse('{"groups": {"__proto__": {"models": []}}}')).groups.keys()]).toEqual(
    ['__proto__'],
  );
});

test('models by their ids', () => {
  const model = { name: 'Y', base: 'x', effort: 'low' };
  expect([...readModels({ y: model })]).toEqual([['y', model]]);
});
