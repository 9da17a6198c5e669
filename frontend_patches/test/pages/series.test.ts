import { expect, test } from 'vitest';
import { colorsOf } from '../../pages/lib/colors';
import { seriesOf, startsOf, totalsOf, type Report, type ReportRow } from '../../pages/lib/series';
import { ticks } from '../../pages/lib/ticks';

const row = (start: string, model: string, cost: number) =>
  ({ start, model, cost, total: 10, calls: 1 }) as ReportRow;
const report = (fields: Partial<Report>): Report =>
  ({ timezone: 'Europe/Berlin', group_by: ['model'], rows: [], bucket: 'day', ...fields }) as Report;

test('every day of the time has its place, on both sides of a change of clocks', () => {
  const days = startsOf({
    from: '2026-10-24T00:00:00+02:00',
    to: '2026-10-27T00:00:00+01:00',
    bucket: 'day',
  });
  expect(days).toEqual(['2026-10-24', '2026-10-25', '2026-10-26']);
  const hours = startsOf({
    from: '2026-10-25T00:00:00+02:00',
    to: '2026-10-26T00:00:00+01:00',
    bucket: 'hour',
  });
  expect(hours).toHaveLength(25);
});

test('weeks and months begin where their first day lies, though the time begins later', () => {
  const time = { from: '2026-11-05T00:00:00+01:00', to: '2026-12-02T00:00:00+01:00' };
  expect(startsOf({ ...time, bucket: 'week' })).toEqual([
    '2026-11-02',
    '2026-11-09',
    '2026-11-16',
    '2026-11-23',
    '2026-11-30',
  ]);
  expect(startsOf({ ...time, bucket: 'month' })).toEqual(['2026-11-01', '2026-12-01']);
});

test('rows become layers: the greatest first, the rest last', () => {
  const found = report({
    from: '2026-11-01T00:00:00+01:00',
    to: '2026-11-03T00:00:00+01:00',
    rows: [
      row('2026-11-01T00:00:00+01:00', 'small', 1),
      row('2026-11-01T00:00:00+01:00', 'Other', 50),
      row('2026-11-02T00:00:00+01:00', 'great', 7),
    ],
  });
  const { starts, layers } = seriesOf(found, 'cost', 'model', (name) => (name === 'Other' ? 'Übrige' : name));
  expect(starts).toEqual(['2026-11-01', '2026-11-02']);
  expect(layers.map(({ name, values }) => [name, values])).toEqual([
    ['great', [0, 7]],
    ['small', [1, 0]],
    ['Übrige', [50, 0]],
  ]);
  expect(totalsOf(found, 'cost')).toEqual([51, 7]);
  expect(totalsOf(found, 'calls')).toEqual([2, 1]);
});

test('an hour that comes twice has two bars', () => {
  const found = report({
    bucket: 'hour',
    from: '2026-10-25T00:00:00+02:00',
    to: '2026-10-26T00:00:00+01:00',
    rows: [row('2026-10-25T02:00:00+02:00', 'm', 1), row('2026-10-25T02:00:00+01:00', 'm', 2)],
  });
  const [layer] = seriesOf(found, 'cost', 'model').layers;
  expect(layer?.values.slice(2, 4)).toEqual([1, 2]);
});

test('people are told apart by their ids, and shown by their names', () => {
  const rows = ['1', '2'].map((id) => ({
    ...row('2026-11-01T00:00:00+01:00', '', 1),
    user: { id, name: 'Ada' },
  }));
  const found = report({
    from: '2026-11-01T00:00:00+01:00',
    to: '2026-11-02T00:00:00+01:00',
    rows,
    group_by: ['user'],
  });
  expect(seriesOf(found, 'cost', 'user').layers.map(({ id, name }) => [id, name])).toEqual([
    ['1', 'Ada'],
    ['2', 'Ada'],
  ]);
});

const hue = (color: string | undefined): number => Number(/^hsl\((\d+), 65%, 52%\)$/.exec(color ?? '')?.[1]);

test('a name has the colour that it has in the analytics of Open WebUI', () => {
  expect(colorsOf(['a', 'ab']).map(hue)).toEqual([97, (97 * 31 + 98) % 360]);
});

test('names that would look alike are told apart', () => {
  const nearest = (names: string[]): number => {
    const hues = colorsOf(names).map(hue);
    const ways = hues.flatMap((one, i) => hues.slice(0, i).map((other) => Math.abs(one - other)));
    return Math.min(...ways.map((way) => Math.min(way, 360 - way)));
  };
  expect(nearest(['gpt-4o', 'o3', 'gpt-4o-mini', 'claude-sonnet-4'])).toBeGreaterThanOrEqual(30); // Two reds by name.
  for (const prefix of ['gpt-4o-mini', 'claude-sonnet-4', 'someone\u001f', ''])
    expect(nearest([...'abcdefgh'].map((letter) => prefix + letter))).toBeGreaterThanOrEqual(25);
});

test('an axis has round numbers and ends above what it shows', () => {
  expect(ticks(7)).toEqual([0, 2, 4, 6, 8]);
  expect(ticks(1000)).toEqual([0, 500, 1000]);
  expect(ticks(3, 4, true)).toEqual([0, 1, 2, 3]);
  expect(ticks(0)).toEqual([0, 1]);
  expect(ticks(0.0034).at(-1)).toBeGreaterThanOrEqual(0.0034);
});
