/** Ranges of time by name, and as `from` and `to` of the server's reports: dates in the chosen zone, `to` not included. */
import type { Bucket } from './format';
import { addDays, dayIn, monthOf, weekOf } from './zones';

export const RANGES = ['today', 'week', 'month', 'last-month', '7d', '30d', '90d', '12m'] as const;
export type RangeName = (typeof RANGES)[number];

export interface Span {
  from: string;
  to: string;
}

/** The days of a range by name, in `zone`. */
export function spanOf(name: RangeName, zone: string, now: Date = new Date()): Span {
  const today = dayIn(zone, now);
  const tomorrow = addDays(today, 1);
  switch (name) {
    case 'today':
      return { from: today, to: tomorrow };
    case 'week':
      return { from: weekOf(today), to: addDays(weekOf(today), 7) };
    case 'month':
      return { from: monthOf(today), to: monthOf(today, 1) };
    case 'last-month':
      return { from: monthOf(today, -1), to: monthOf(today) };
    case '7d':
      return { from: addDays(today, -6), to: tomorrow };
    case '30d':
      return { from: addDays(today, -29), to: tomorrow };
    case '90d':
      return { from: addDays(today, -89), to: tomorrow };
    case '12m':
      return { from: monthOf(today, -11), to: monthOf(today, 1) };
  }
}

/** A range as it stands in an address: a name, or two dates of which the second is the last day, `2026-11-01..2026-11-14`. */
export function readRange(text: string): RangeName | Span | null {
  if ((RANGES as readonly string[]).includes(text)) return text as RangeName;
  const [, from, last] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text) ?? [];
  if (!from || !last || last < from || Number.isNaN(Date.parse(from)) || Number.isNaN(Date.parse(last)))
    return null;
  return { from, to: addDays(last, 1) };
}

export const writeRange = (range: RangeName | Span): string =>
  typeof range === 'string' ? range : `${range.from}..${addDays(range.to, -1)}`;

/** Days of a span. */
export const daysOf = ({ from, to }: Span): number =>
  Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);

/** What a span may be cut into, so that a chart has no more than some 400 bars. */
export function bucketsOf(span: Span): Bucket[] {
  const days = daysOf(span);
  const parts: [Bucket, number][] = [
    ['15m', days * 96],
    ['hour', days * 24],
    ['day', days],
    ['week', days / 7],
    ['month', days / 30],
  ];
  return parts.filter(([, n]) => n >= 1 && n <= 400).map(([bucket]) => bucket);
}

/** What a span is cut into where nobody has chosen. */
export function usualBucket(span: Span): Bucket {
  const days = daysOf(span);
  return days <= 2 ? 'hour' : days <= 92 ? 'day' : days <= 200 ? 'week' : 'month';
}
