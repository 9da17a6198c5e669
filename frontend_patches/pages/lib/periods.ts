/** Periods of limits, as the API writes them: `month`, `14 days from 2026-11-01`, `last 5 hours`. */
import type texts from '../words/manage.json';
import type { Format } from './format';
import { fill, plural } from './words';

export const CALENDAR = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'total'] as const;
export type Calendar = (typeof CALENDAR)[number];
export type PeriodKind = Calendar | 'days' | 'last';

/** A period in parts, as they are chosen. */
export interface PeriodParts {
  kind: PeriodKind;
  /** How many days, or hours or days of a window that moves. As it is typed. */
  count: string;
  unit: 'hour' | 'day';
  /** A date. */
  from: string;
}

/** Whether it ends and another follows, when a time zone says so: no minute, and no window that moves. */
export const beginsAnew = (period: string): boolean =>
  period !== 'total' && period !== 'minute' && !period.startsWith('last ');

/** What stands in the parts that a period does not have is `usual`. One that is being typed may lack a number or a date. */
export function partsOf(period: string, usual: Omit<PeriodParts, 'kind'>): PeriodParts {
  const [, days, from] = /^(\S*) days? from (\S*)$/.exec(period) ?? [];
  if (days !== undefined && from !== undefined) return { ...usual, kind: 'days', count: days, from };
  const [, count, unit] = /^last (\S*) (hour|day)s?$/.exec(period) ?? [];
  if (count !== undefined) return { ...usual, kind: 'last', count, unit: unit === 'hour' ? 'hour' : 'day' };
  return { ...usual, kind: CALENDAR.find((kind) => kind === period) ?? 'month' };
}

/** What is no number is sent as it is: the server says what is wrong with it. */
export function periodOf({ kind, count, unit, from }: PeriodParts): string {
  const number = count.trim();
  if (kind === 'days') return `${number} days from ${from}`;
  return kind === 'last' ? `last ${number} ${unit}s` : kind;
}

/** What stands behind an amount: "a month", "every 14 days from 1 November", "in the last 5 hours"; nothing while it is typed. */
export function periodText(period: string, t: (typeof texts)['en'], format: Format): string {
  const { kind, count, unit, from } = partsOf(period, { count: '', unit: 'hour', from: '' });
  if ((kind === 'days' || kind === 'last') && !Number(count)) return '';
  if (kind === 'days' && Number.isNaN(Date.parse(from))) return '';
  if (kind === 'days') return fill(plural(t.periodDays, Number(count)), { date: format.date(from) });
  if (kind === 'last') return plural(unit === 'hour' ? t.lastHours : t.lastDays, Number(count));
  return t.periods[kind];
}
