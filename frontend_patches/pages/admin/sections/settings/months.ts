/** Months of UTC, as charges are cut: `2026-11`. */
import { monthOf } from '../../../lib/zones';

/** This one and those before it, the latest first. */
export function latestMonths(count: number, now: Date = new Date()): string[] {
  const today = now.toISOString().slice(0, 10);
  return Array.from({ length: count }, (_, i) => monthOf(today, -i).slice(0, 7));
}

/** As `from` and `to` of a report. */
export const spanOfMonth = (month: string): { from: string; to: string } => ({
  from: `${month}-01`,
  to: monthOf(`${month}-01`, 1),
});

/** `November 2026`. */
export const nameOfMonth = (month: string, language: string): string =>
  new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${month}-15T00:00:00Z`),
  );
