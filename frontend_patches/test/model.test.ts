import { expect, test } from 'vitest';
import { readGroups, readModels } from '../src/model';

test('groups are read with their counts; what a later server adds is passed over', () => {
  const groups = readGroups({
    a: { models: ['x*'], limit: 5, usage: { in: 1, out: 2, total: 3, cached: 9 }, counting: 'billed' },
    gone: null,
  });
  expect([...groups]).toEqual([
    ['a', { models: ['x*'], limit: 5, usage: { in: 1, out: 2, total: 3 } }],
    ['gone', null],
  ]);
});

test.each([[undefined], ['text'], [[1, 2]], [{ a: 'text', b: { models: 'gpt' }, c: 7 }]])(
  'nonsense is no group: %j',
  (value) => {
    expect(readGroups(value).size).toBe(0);
  },
);

test('missing counts are zero', () => {
  expect(readGroups({ a: { models: ['x', 3] } }).get('a')).toEqual({
    models: ['x'],
    limit: null,
    usage: { in: 0, out: 0, total: 0 },
  });
});

test('a group may be called __proto__', () => {
  expect([...readGroups(JSON.parse('{"__proto__": {"models": []}}')).keys()]).toEqual(['__proto__']);
});

test('models: an unknown effort is none, a missing name is the id', () => {
  expect([
    ...readModels({ x: { effort: 'extreme' }, y: { name: 'Y', base: 'x', effort: 'low' }, z: 1 }),
  ]).toEqual([
    ['x', { name: 'x', base: null, effort: null }],
    ['y', { name: 'Y', base: 'x', effort: 'low' }],
  ]);
});
