import { beforeEach, expect, test } from 'vitest';
import { chooseEffort, EFFORTS_KEY, readEfforts } from '../src/efforts';

beforeEach(() => localStorage.clear());

test('a choice is remembered for each model', () => {
  chooseEffort(localStorage, 'o1', 'high');
  chooseEffort(localStorage, 'o3', 'low');
  expect(JSON.parse(localStorage.getItem(EFFORTS_KEY) ?? '')).toEqual({ o1: 'high', o3: 'low' });
  expect(readEfforts(localStorage).get('o1')).toBe('high');
});

test.each(['', 'null', '[]', '"high"', '{broken', '42'])('garbage in the key is no choice: %s', (garbage) => {
  localStorage.setItem(EFFORTS_KEY, garbage);
  expect(readEfforts(localStorage).size).toBe(0);
  expect(chooseEffort(localStorage, 'o1', 'low').get('o1')).toBe('low');
});

test('sound entries among garbage are kept', () => {
  localStorage.setItem(EFFORTS_KEY, '{"a": true, "b": 3, "c": null, "o1": "high"}');
  expect([...readEfforts(localStorage)]).toEqual([['o1', 'high']]);
});

test('a choice holds for this page where nothing can be stored', () => {
  const full = { getItem: () => null, setItem: () => { throw new DOMException('full', 'QuotaExceededError'); } }; // prettier-ignore
  expect(chooseEffort(full as unknown as Storage, 'o1', 'low').get('o1')).toBe('low');
});
