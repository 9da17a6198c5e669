import { expect, test } from 'vitest';
import { budgetRows, budgetText, groupRows, levelOf, usageText } from '../src/format';
import { budget, DICTIONARY, ENGLISH, group, usage } from './support';

const NOW = Date.parse('2026-11-28T12:00:00Z');

test('reads as documented', () => {
  expect(usageText(group({ limit: 10_000_000 }), 'en-US')).toBe(
    '1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000,000',
  );
});

test('shows no limit where there is none, and a limit of zero', () => {
  expect(usageText(group(), 'en-US')).toBe('1,234 IN · 5,678 OUT · 6,912 TOTAL');
  expect(usageText(group({ limit: 0 }), 'en-US')).toBe('1,234 IN · 5,678 OUT · 6,912 TOTAL / 0');
});

test.each([
  ['de-DE', '1.234 IN'],
  ['ar-BH', '١٬٢٣٤ IN'],
  ['', `${(1234).toLocaleString()} IN`],
  ['not a language', `${(1234).toLocaleString()} IN`],
])('writes digits as the page does: %s', (language, start) => {
  expect(usageText(group(), language)).toContain(start);
});

test.each([
  [null, 1000, ''],
  [100, 74, ''],
  [100, 75, 'near'],
  [100, 89, 'near'],
  [100, 90, 'full'],
  [100, 500, 'full'],
  [0, 0, 'full'],
])('of a limit of %s, %s are %s', (limit, used, level) => {
  expect(levelOf({ limit, used })).toBe(level);
});

test('the tooltip of a group has what its line leaves out', () => {
  expect(groupRows(group(), 'en-US', ENGLISH, NOW)).toEqual([
    ['Prompt', '1,234'],
    ['Cached', '200'],
    ['Completion', '3,456'],
    ['Reasoning', '2,222'],
    ['Billed total', '4,690'],
    ['Cost', '$0.0123'],
  ]);
});

test('a limit leaves something, and a period ends', () => {
  const limited = group({ limit: 10_000, resets_at: '2026-12-01T00:00:00Z' });
  expect(groupRows(limited, 'en-US', ENGLISH, NOW).slice(-2)).toEqual([
    ['Remaining', '3,088'],
    ['Resets', 'in 3 days'],
  ]);
  expect(groupRows(group({ limit: 5 }), 'en-US', ENGLISH, NOW).at(-1)).toEqual(['Remaining', '0']);
});

test.each([
  [usage({ cost: null, unpriced_calls: 3 }), '3 unpriced'],
  [usage({ cost: 1.5, unpriced_calls: 3 }), '$1.50 · 3 unpriced'],
  [usage({ cost: 0 }), '$0.00'],
])('a cost that nobody knows is not 0', (used, cost) => {
  expect(groupRows(group({ usage: used }), 'en-US', ENGLISH, NOW)).toContainEqual(['Cost', cost]);
});

test.each([
  [budget(), '$3.20 / $10.00'],
  [budget({ used: 0.00421 }), '$0.0042 / $10.00'],
  [budget({ unit: 'tokens', used: 1234, limit: 5000 }), '1,234 / 5,000 tokens'],
  [budget({ unit: 'requests', used: 12, limit: 100 }), '12 / 100 requests'],
])('a budget is shown in its unit', (standing, text) => {
  expect(budgetText(standing, 'en-US', ENGLISH)).toBe(text);
});

test.each([
  ['2026-12-01T00:00:00Z', 'in 3 days'],
  ['2026-11-30T11:00:00Z', 'in 47 hours'],
  ['2026-11-28T13:30:00Z', 'in 90 minutes'],
  ['2026-11-28T11:00:00Z', 'in 0 minutes'],
])('how long until %s', (resets_at, text) => {
  expect(budgetRows(budget({ resets_at }), 'en-US', ENGLISH, NOW)).toEqual([
    ['Used', '$3.20'],
    ['Remaining', '$6.80'],
    ['Resets', text],
  ]);
});

test('in the language of the page', () => {
  const rows = budgetRows(budget({ resets_at: '2026-12-01T00:00:00Z' }), 'de-DE', DICTIONARY['de']!, NOW);
  expect(rows.map((row) => row.join(' ').replace('\u00a0', ' '))).toEqual([
    'Verbraucht 3,20 $',
    'Verbleibend 6,80 $',
    'Beginnt neu in 3 Tagen',
  ]);
});
