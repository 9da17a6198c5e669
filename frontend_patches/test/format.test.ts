import { expect, test } from 'vitest';
import { levelOf, usageText } from '../src/format';

const usage = { in: 1234, out: 5678, total: 6912 };

test('reads as documented', () => {
  expect(usageText({ models: [], limit: 10_000_000, usage }, 'en-US')).toBe(
    '1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000,000',
  );
});

test('shows no limit where there is none, and a limit of zero', () => {
  expect(usageText({ models: [], limit: null, usage }, 'en-US')).toBe('1,234 IN · 5,678 OUT · 6,912 TOTAL');
  expect(usageText({ models: [], limit: 0, usage }, 'en-US')).toBe('1,234 IN · 5,678 OUT · 6,912 TOTAL / 0');
});

test.each([
  ['de-DE', '1.234 IN'],
  ['', `${(1234).toLocaleString()} IN`],
  ['not a language', `${(1234).toLocaleString()} IN`],
])('writes digits as the page does: %s', (language, start) => {
  expect(usageText({ models: [], limit: null, usage }, language)).toContain(start);
});

test.each([
  [null, 1000, ''],
  [100, 74, ''],
  [100, 75, 'near'],
  [100, 89, 'near'],
  [100, 90, 'full'],
  [100, 500, 'full'],
  [0, 0, 'full'],
])('of a limit of %s, %s are %s', (limit, total, level) => {
  expect(levelOf({ limit, usage: { in: 0, out: total, total } })).toBe(level);
});
