import { expect, test } from 'vitest';
import { bucketsOf, daysOf, readRange, spanOf, usualBucket, writeRange } from '../../pages/lib/ranges';
import { addDays, dayIn, monthOf, weekOf } from '../../pages/lib/zones';

// A Saturday; in Auckland it is Sunday already.
const NOW = new Date('2026-11-28T12:00:00Z');

test.each([
  ['today', { from: '2026-11-28', to: '2026-11-29' }],
  ['week', { from: '2026-11-23', to: '2026-11-30' }],
  ['month', { from: '2026-11-01', to: '2026-12-01' }],
  ['last-month', { from: '2026-10-01', to: '2026-11-01' }],
  ['7d', { from: '2026-11-22', to: '2026-11-29' }],
  ['12m', { from: '2025-12-01', to: '2026-12-01' }],
] as const)('%s', (name, span) => {
  expect(spanOf(name, 'Europe/Berlin', NOW)).toEqual(span);
});

test('today is that of the zone', () => {
  expect(dayIn('Pacific/Auckland', NOW)).toBe('2026-11-29');
  expect(spanOf('today', 'Pacific/Auckland', NOW).from).toBe('2026-11-29');
});

test('days, weeks and months go over the ends of years', () => {
  expect(addDays('2026-12-31', 1)).toBe('2027-01-01');
  expect(weekOf('2027-01-01')).toBe('2026-12-28');
  expect(monthOf('2026-12-31', 1)).toBe('2027-01-01');
  expect(monthOf('2026-01-31', -1)).toBe('2025-12-01');
});

test('a range in the address', () => {
  expect(readRange('7d')).toBe('7d');
  const span = { from: '2026-11-01', to: '2026-11-15' };
  expect(readRange('2026-11-01..2026-11-14')).toEqual(span);
  expect(writeRange(span)).toBe('2026-11-01..2026-11-14');
  for (const bad of ['', 'soon', '2026-11-14..2026-11-01', '2026-13-01..2026-13-02'])
    expect(readRange(bad)).toBeNull();
});

test('a range is cut into a number of bars that one can look at', () => {
  const spans = (['today', 'week', '30d', '90d', '12m'] as const).map((name) => spanOf(name, 'UTC', NOW));
  expect(spans.map(usualBucket)).toEqual(['hour', 'day', 'day', 'day', 'month']);
  for (const span of spans) expect(bucketsOf(span)).toContain(usualBucket(span));
  expect(bucketsOf({ from: '2020-01-01', to: '2026-01-01' })).not.toContain('day');
  expect(daysOf({ from: '2026-03-01', to: '2026-04-01' })).toBe(31);
});
