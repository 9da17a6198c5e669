/** A report of the server as what a chart draws: one value for each part of the time and each layer. */
import type { components } from '../../src/openapi';
import { colorsOf, NEUTRAL } from './colors';
import type { Bucket } from './format';
import { addDays, monthOf, weekOf } from './zones';

export type Report = components['schemas']['UsageReport'];
export type ReportRow = components['schemas']['UsageReportRow'];
export type Dimension = Report['group_by'][number];
export type Metric = 'cost' | 'total' | 'calls';

export interface Layer {
  id: string;
  name: string;
  color: string;
  /** One for each part of the time. */
  values: number[];
}

export interface Series {
  /** Where each part of the time begins, ISO 8601 in the report's zone, or a date. */
  starts: string[];
  /** The greatest first. */
  layers: Layer[];
}

/** A value of a dimension that stands for itself. */
const OWN = new Set(['none', 'not recorded', 'Other']);

/** What a row is of: its id and its name. */
export function valueOf(row: ReportRow, dimension: Dimension): { id: string; name: string } {
  const value = row[dimension] ?? '';
  return typeof value === 'string' ? { id: value, name: value } : value;
}

/** The parts of a report's time, those without a call as well: by calendar days in its zone, hours by the clock. */
export function startsOf(report: Pick<Report, 'from' | 'to' | 'bucket'>): string[] {
  const { from, to, bucket } = report;
  const starts: string[] = [];
  if (bucket === 'none') return [from];
  if (bucket === 'hour' || bucket === '15m') {
    const step = bucket === 'hour' ? 3_600_000 : 900_000;
    const end = Date.parse(to);
    for (let at = Math.floor(Date.parse(from) / step) * step; at < end; at += step)
      starts.push(new Date(at).toISOString());
    return starts;
  }
  const first = from.slice(0, 10);
  const last = addDays(new Date(Date.parse(to.slice(0, 19) + 'Z') - 1).toISOString().slice(0, 10), 0);
  let day = bucket === 'week' ? weekOf(first) : bucket === 'month' ? monthOf(first) : first;
  while (day <= last) {
    starts.push(day);
    day = bucket === 'day' ? addDays(day, 1) : bucket === 'week' ? addDays(day, 7) : monthOf(day, 1);
  }
  return starts;
}

/** Which part of the time a row is in. */
function keyOf(start: string, bucket: Bucket): string {
  if (bucket === 'none') return '';
  if (bucket === '15m') return new Date(Date.parse(start)).toISOString();
  if (bucket === 'hour') return new Date(Math.floor(Date.parse(start) / 3_600_000) * 3_600_000).toISOString();
  const day = start.slice(0, 10);
  return bucket === 'week' ? weekOf(day) : bucket === 'month' ? monthOf(day) : day;
}

/** The layers of a report that is grouped by `dimension`, or the one of a report that is not. `named` names what needs it. */
export function seriesOf(
  report: Report,
  metric: Metric,
  dimension: Dimension | undefined,
  named: (name: string) => string = (name) => name,
): Series {
  const starts = startsOf(report);
  const at = new Map(starts.map((start, i) => [report.bucket === 'none' ? '' : start, i]));
  const layers = new Map<string, Layer>();
  for (const row of report.rows) {
    const { id, name } = dimension ? valueOf(row, dimension) : { id: '', name: '' };
    let layer = layers.get(id);
    if (!layer) {
      layer = { id, name: named(name), color: NEUTRAL, values: starts.map(() => 0) };
      layers.set(id, layer);
    }
    const i = at.get(keyOf(row.start, report.bucket));
    if (i !== undefined) layer.values[i] = (layer.values[i] ?? 0) + row[metric];
  }
  const sum = ({ values }: Layer) => values.reduce((a, b) => a + b, 0);
  const isRest = ({ id }: Layer) => Number(id === 'Other');
  const sorted = [...layers.values()].sort((a, b) => isRest(a) - isRest(b) || sum(b) - sum(a));
  const coloured = sorted.filter(({ id }) => !OWN.has(id));
  const colors = colorsOf(coloured.map(({ id }) => id));
  coloured.forEach((layer, i) => (layer.color = colors[i] ?? NEUTRAL));
  return { starts, layers: sorted };
}

/** What all rows of a part of the time come to. */
export function totalsOf(report: Report, metric: Metric): number[] {
  const starts = startsOf(report);
  const at = new Map(starts.map((start, i) => [report.bucket === 'none' ? '' : start, i]));
  const totals = starts.map(() => 0);
  for (const row of report.rows) {
    const i = at.get(keyOf(row.start, report.bucket));
    if (i !== undefined) totals[i] = (totals[i] ?? 0) + row[metric];
  }
  return totals;
}
