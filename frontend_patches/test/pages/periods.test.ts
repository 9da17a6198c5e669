import { beforeAll, expect, test } from 'vitest';
import { areWhole, newOverride, overrideBodies, overrideFields } from '../../pages/admin/forms/overrides';
import { startOf } from '../../pages/admin/sections/overview/burn';
import { Format } from '../../pages/lib/format';
import { beginsAnew, partsOf, periodOf, periodText } from '../../pages/lib/periods';
import { loadWords, words } from '../../pages/lib/words';
import type texts from '../../pages/words/manage.json';

const USUAL = { count: '', unit: 'hour', from: '2026-11-29' } as const;

beforeAll(() => loadWords('en'));

test.each(['month', 'total', 'hour', 'quarter', '14 days from 2026-11-01', 'last 5 hours', 'last 30 days'])(
  'the period "%s" is taken apart and put together again',
  (period) => expect(periodOf(partsOf(period, USUAL))).toBe(period),
);

test.each([' days from 2026-11-01', '14 days from ', 'last  hours'])(
  'the period "%s" stays what it is while it is typed',
  (period) => {
    expect(periodOf(partsOf(period, USUAL))).toBe(period);
    expect(periodText(period, words<typeof texts>('manage'), new Format('en', 'UTC'))).toBe('');
  },
);

test('what begins anew has a time zone', () => {
  const periods = ['minute', 'hour', 'month', 'total', '14 days from 2026-11-01', 'last 5 hours'];
  expect(periods.filter(beginsAnew)).toEqual(['hour', 'month', '14 days from 2026-11-01']);
});

test('a period that is chosen has what is usual where it had nothing', () => {
  const days = { ...partsOf('month', USUAL), kind: 'days', count: '14' } as const;
  expect(periodOf(days)).toBe('14 days from 2026-11-29');
});

test.each([
  ['month', 'a month'],
  ['quarter', 'a quarter'],
  ['last 1 hour', 'in the last hour'],
  ['last 5 hours', 'in the last 5 hours'],
  ['last 30 days', 'in the last 30 days'],
])('%s reads "%s"', (period, text) => {
  expect(periodText(period, words<typeof texts>('manage'), new Format('en', 'UTC'))).toBe(text);
});

test('the drawing of a limit begins where its period does', () => {
  const start = (period: string, resets_at: string | null = '2027-01-01T00:00:00Z') => {
    const at = startOf({ period, resets_at });
    return at === undefined ? undefined : new Date(at).toISOString().slice(0, 16);
  };
  expect(start('year')).toBe('2026-01-01T00:00');
  expect(start('quarter')).toBe('2026-10-01T00:00');
  expect(start('month')).toBe('2026-12-01T00:00');
  expect(start('14 days from 2026-12-18')).toBe('2026-12-18T00:00');
  expect(start('hour')).toBe('2026-12-31T23:00');
  expect(start('last 5 hours')).toBeUndefined();
});

test('exceptions are sent as they were read', () => {
  const overrides = [
    { user: 'ann', limit: 50 },
    { user_group: 'research', limit: 30.5 },
    { role: 'admin', limit: null },
  ];
  const fields = overrides.map(overrideFields);
  expect(overrideBodies(fields)).toEqual(overrides);
  expect(areWhole(fields)).toBe(true);
  expect(areWhole([...fields, newOverride()])).toBe(false);
});
