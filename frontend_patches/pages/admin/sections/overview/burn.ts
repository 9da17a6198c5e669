/** A limit's period as a drawing: what was used so far, what is expected, and the limit. */
import type { components } from '../../../../src/openapi';

export type Forecast = components['schemas']['UsageForecast'];

export interface BurnPath {
  /** Share of the width where now is. */
  now: number;
  /** Shares of the height, from below: used now, the limit, and what is expected in the end. */
  used: number;
  limit: number;
  low: number;
  expected: number;
  high: number;
}

const DAY = 86_400_000;
/** Of periods that are always as long, but for a change of the clocks, in days. */
const LENGTHS: Record<string, number> = { minute: 1 / 1440, hour: 1 / 24, day: 1, week: 7 };

/** When the current period began, in milliseconds; undefined where it has no end. */
export function startOf({ period, resets_at }: Pick<Forecast, 'period' | 'resets_at'>): number | undefined {
  if (period === 'total' || period.startsWith('last ') || !resets_at) return undefined;
  const end = Date.parse(resets_at);
  const days = LENGTHS[period] ?? Number(/^(\d+) days? from /.exec(period)?.[1] ?? 0);
  if (days) return end - days * DAY;
  // The period ends where a month begins in some zone: a day later it is that month in UTC, too.
  const next = new Date(end + DAY);
  const months = period === 'year' ? 12 : period === 'quarter' ? 3 : 1;
  const [year, month] = [next.getUTCFullYear(), next.getUTCMonth()];
  return end - (Date.UTC(year, month) - Date.UTC(year, month - months));
}

/** The drawing; undefined where nothing is expected. */
export function burnOf(limit: Forecast, now: number): BurnPath | undefined {
  const { projection } = limit;
  if (!projection) return undefined;
  const end = Date.parse(projection.at);
  // Of a limit without an end as much is drawn of what was as of what will be.
  const start = startOf(limit) ?? now - Math.max(end - now, DAY);
  const most = Math.max(limit.limit, projection.high, limit.used, 1e-9);
  const share = (n: number): number => Math.min(1, n / most);
  return {
    now: end > start ? Math.min(1, Math.max(0, (now - start) / (end - start))) : 1,
    used: share(limit.used),
    limit: share(limit.limit),
    low: share(projection.low),
    expected: share(projection.expected),
    high: share(projection.high),
  };
}
