import { expect, test } from 'vitest';
import { Format } from '../../pages/lib/format';

const english = new Format('en-US', 'America/New_York');
const german = new Format('de-DE', 'Europe/Berlin');

test('money shows as many digits as it takes to see it', () => {
  expect([3.2, 0, 0.0042, 0.0000213, 1234.5].map((n) => english.money(n))).toEqual([
    '$3.20',
    '$0.00',
    '$0.0042',
    '$0.000021',
    '$1,234.50',
  ]);
  expect(german.money(1234.5)).toBe('1.234,50\u00a0$');
});

test('what nobody knows the price of is not shown as nothing', () => {
  const cost = (calls: number, unpriced_calls: number, dollars: number) =>
    english.cost({ calls, unpriced_calls, cost: dollars });
  expect(cost(3, 0, 0)).toBe('$0.00'); // They were free.
  expect(cost(3, 3, 0)).toBe('–');
  expect(cost(3, 1, 0.5)).toBe('$0.50');
  expect(cost(0, 0, 0)).toBe('$0.00');
});

test('numbers are written as the language does', () => {
  expect(english.number(1234567)).toBe('1,234,567');
  expect(german.number(1234567)).toBe('1.234.567');
  expect(english.compact(1_234_567)).toBe('1.23M');
  expect([0.12, 0.004, 0].map((n) => english.percent(n))).toEqual(['12%', '0.4%', '0%']);
});

test('times are those of the chosen zone', () => {
  const moment = '2026-11-28T23:30:00Z';
  expect(english.dateTime(moment)).toMatch(/^Nov 28, 2026, 6:30\sPM$/);
  expect(german.dateTime(moment)).toBe('29.11.2026, 00:30');
  expect(german.bucket(moment, 'day')).toBe('29. Nov.');
  expect(english.bucket('2026-11-28', 'day')).toBe('Nov 28'); // A day is a day in every zone.
});

test('how far away something is', () => {
  const now = Date.parse('2026-11-28T12:00:00Z');
  const at = (moment: string) => english.relative(moment, now);
  expect(at('2026-11-28T14:00:00Z')).toBe('in 2 hours');
  expect(at('2026-11-30T12:00:00Z')).toBe('in 2 days');
  expect(at('2026-11-28T11:59:30Z')).toBe('30 seconds ago');
});
