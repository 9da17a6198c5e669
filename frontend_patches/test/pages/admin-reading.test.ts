import { describe, expect, it } from 'vitest';
import { inOrder, type Check } from '../../pages/admin/sections/health/order';
import { burnOf, startOf, type Forecast } from '../../pages/admin/sections/overview/burn';
import { isOther, joined, keyOf, valuesOf } from '../../pages/admin/sections/overview/pairs';
import { byLimit, type Refusal } from '../../pages/admin/sections/refusals/limits';
import type { Report, ReportRow } from '../../pages/lib/series';

const row = (values: Partial<ReportRow>): ReportRow =>
  ({ start: '2026-11-01', cost: 1, ...values }) as ReportRow;

describe('a report by two dimensions', () => {
  const report = {
    group_by: ['model', 'user'],
    rows: [
      row({ model: 'gpt-4o', user: { id: 'a', name: 'Ada' } }),
      row({ model: 'gpt-4o', user: 'none' }),
      row({ model: 'Other', user: 'Other' }),
    ],
  } as Report;

  it('is one by the first, whose values are the pairs', () => {
    const found = joined(report, (name) => (name === 'none' ? 'None' : name));
    expect(found.group_by).toEqual(['model']);
    expect(found.rows.map(({ model }) => (model as unknown as { name: string }).name ?? model)).toEqual([
      'gpt-4o · Ada',
      'gpt-4o · None',
      'Other',
    ]);
    const ids = found.rows.slice(0, 2).map(({ model }) => (model as unknown as { id: string }).id);
    expect(new Set(ids).size).toBe(2);
  });

  it('stays as it is where there is one', () => {
    const single = { ...report, group_by: ['model'] } as Report;
    expect(joined(single, (name) => name)).toBe(single);
  });

  it('tells the rest apart', () => {
    const values = report.rows.map((each) => valuesOf(each, ['model', 'user']));
    expect(values.map(isOther)).toEqual([false, false, true]);
    expect(new Set(values.map(keyOf)).size).toBe(3);
  });
});

describe('the drawing of a limit', () => {
  const limit = {
    period: 'month',
    resets_at: '2026-11-30T23:00:00Z',
    used: 50,
    limit: 100,
    projection: { at: '2026-11-30T23:00:00Z', low: 80, expected: 100, high: 200 },
  } as Forecast;

  it.each([
    ['month', '2026-11-30T23:00:00Z', '2026-10-31T23:00:00.000Z'],
    ['month', '2026-12-01T05:00:00Z', '2026-11-01T05:00:00.000Z'],
    ['month', '2026-03-01T00:00:00Z', '2026-02-01T00:00:00.000Z'],
    ['week', '2026-11-30T00:00:00Z', '2026-11-23T00:00:00.000Z'],
    ['day', '2026-11-30T00:00:00Z', '2026-11-29T00:00:00.000Z'],
  ] as const)('begins with its %s', (period, resets_at, start) => {
    expect(new Date(startOf({ period, resets_at }) ?? 0).toISOString()).toBe(start);
  });

  it('has everything in its frame', () => {
    const now = Date.parse('2026-11-15T23:00:00Z');
    expect(burnOf(limit, now)).toEqual({
      now: 0.5,
      used: 0.25,
      limit: 0.5,
      low: 0.4,
      expected: 0.5,
      high: 1,
    });
    const endless = { ...limit, period: 'total', resets_at: null } as Forecast;
    expect(burnOf(endless, now)?.now).toBe(0.5);
    expect(burnOf({ ...limit, projection: null }, now)).toBeUndefined();
    expect(burnOf({ ...limit, used: 0, limit: 0 }, now)?.limit).toBe(0);
  });
});

it('sums refusals by limit, each person once', () => {
  const refusal = (values: object): Refusal =>
    ({
      user: { id: 'a', name: 'Ada' },
      limit: { kind: 'budget', id: 'b', name: 'B', is_gone: false },
      unit: 'tokens',
      calls: 2,
      amount: 10,
      last_at: '2026-11-02',
      ...values,
    }) as Refusal;
  const sums = byLimit([
    refusal({}),
    refusal({ model: 'other' }),
    refusal({ user: null }),
    refusal({ unit: 'usd', amount: 5, last_at: '2026-11-03' }),
    refusal({ limit: { kind: 'group', id: 'b', name: 'G', is_gone: false } }),
  ]);
  expect(
    sums.map(({ limit, calls, people, unit, amount }) => [limit.name, calls, people, unit, amount]),
  ).toEqual([
    ['B', 8, 2, 'usd', 5],
    ['G', 2, 1, 'tokens', 10],
  ]);
});

it('shows what does not work first, and the rest as the server has it', () => {
  const checks = (['ok', 'warn', 'fail', 'ok', 'fail'] as const).map(
    (state, i) => ({ id: `${i}`, state }) as Check,
  );
  expect(inOrder(checks).map(({ id }) => id)).toEqual(['2', '4', '1', '0', '3']);
});
