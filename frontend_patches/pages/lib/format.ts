/** Numbers, money and times as a language writes them. */
import { canonical } from './language';

/** What a time is cut into, as in the server's reports. */
export type Bucket = 'none' | '15m' | 'hour' | 'day' | 'week' | 'month';

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

const SPANS = [UNITS[2], UNITS[3], UNITS[4], UNITS[5]] as const;

const BUCKETS: Record<Bucket, Intl.DateTimeFormatOptions> = {
  none: { dateStyle: 'medium' },
  '15m': { weekday: 'short', hour: 'numeric', minute: '2-digit' },
  hour: { weekday: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' },
  day: { day: 'numeric', month: 'short' },
  week: { day: 'numeric', month: 'short' },
  month: { month: 'short', year: 'numeric' },
};

/** Writes in `language`, a BCP 47 tag, and in `timeZone`, an IANA name. */
export class Format {
  readonly language: string;
  readonly timeZone: string;
  readonly #formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

  constructor(language: string, timeZone: string) {
    this.language = canonical(language) ?? 'en';
    this.timeZone = timeZone;
  }

  /** `1,234,567`. */
  number(n: number, digits = 0): string {
    return this.#number({ maximumFractionDigits: digits }).format(n);
  }

  /** `1.2M`, for axes and places with little room. */
  compact(n: number): string {
    return this.#number({ notation: 'compact', maximumSignificantDigits: 3 }).format(n);
  }

  /** US dollars, small sums with as many digits as it takes to see them: `$3.20`, `$0.0042`, `$0.000021`. */
  money(dollars: number): string {
    const size = Math.abs(dollars);
    const digits =
      size === 0 || size >= 1
        ? { maximumFractionDigits: 2 }
        : size >= 0.001
          ? { maximumFractionDigits: 4 }
          : { maximumSignificantDigits: 2 };
    return this.#number({ style: 'currency', currency: 'USD', ...digits }).format(dollars);
  }

  /** What calls cost; a dash where none of them has a price, for nobody knows whether that is nothing. */
  cost(sum: { calls: number; cost: number; unpriced_calls: number }): string {
    return sum.calls > 0 && sum.unpriced_calls >= sum.calls ? '–' : this.money(sum.cost);
  }

  /** `$1.2K`. */
  compactMoney(dollars: number): string {
    if (Math.abs(dollars) < 1000) return this.money(dollars);
    return this.#number({
      style: 'currency',
      currency: 'USD',
      notation: 'compact',
      maximumFractionDigits: 1,
    }).format(dollars);
  }

  /** A share of 1: `12%`, and `0.4%` where it would be 0. */
  percent(share: number): string {
    const small = share !== 0 && Math.abs(share) < 0.01;
    return this.#number({ style: 'percent', maximumFractionDigits: small ? 1 : 0 }).format(share);
  }

  /** An amount in the unit of a limit: money, or a whole number without its unit. */
  amount(n: number, unit: 'tokens' | 'requests' | 'usd'): string {
    return unit === 'usd' ? this.money(n) : this.number(n);
  }

  /** `28 Nov 2026`. */
  date(when: string | Date): string {
    return this.#date({ dateStyle: 'medium' }).format(new Date(when));
  }

  /** `28 Nov 2026, 14:05`. */
  dateTime(when: string | Date): string {
    return this.#date({ dateStyle: 'medium', timeStyle: 'short' }).format(new Date(when));
  }

  /** `14:05`. */
  time(when: string | Date): string {
    return this.#date({ timeStyle: 'short' }).format(new Date(when));
  }

  /** Where a part of a report's time begins: `28 Nov`, `Sat 14:00`. */
  bucket(start: string | Date, bucket: Bucket): string {
    // A date is its noon in UTC, which is the same day nearly everywhere.
    if (typeof start === 'string' && start.length === 10)
      return new Format(this.language, 'UTC').bucket(`${start}T12:00:00Z`, bucket);
    return this.#date(BUCKETS[bucket]).format(new Date(start));
  }

  /** How far away: `in 3 days`, `2 hours ago`. */
  relative(when: string | Date, now: number = Date.now()): string {
    const seconds = (new Date(when).getTime() - now) / 1000;
    // In the greatest unit of which there are at least two, except where the smaller one would be odd: "in 1 day".
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= 1.5 * length) ?? UNITS[5];
    return new Intl.RelativeTimeFormat(this.language, { numeric: 'auto' }).format(
      Math.round(seconds / length),
      unit,
    );
  }

  /** `0.41 s`, `2 min`, `36 hr`: in the greatest unit of which there are at least two. */
  duration(seconds: number): string {
    const [unit, length] = SPANS.find(([, length]) => seconds >= 2 * length) ?? SPANS[3];
    const value = seconds / length;
    return this.unit(value, unit, value < 10 ? 2 : value < 100 ? 1 : 0);
  }

  /** `0.3 ms`; the unit is one that Intl knows. */
  unit(n: number, unit: string, digits = 0): string {
    return this.#number({ style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits }).format(
      n,
    );
  }

  /** `1.5 GB`, `0.3 MB`. */
  bytes(n: number): string {
    return n < 1e9 ? this.unit(n / 1e6, 'megabyte', 1) : this.unit(n / 1e9, 'gigabyte', 1);
  }

  /** Names in a row: `A, B and C`. */
  list(names: readonly string[]): string {
    return new Intl.ListFormat(this.language).format(names);
  }

  #number(options: Intl.NumberFormatOptions): Intl.NumberFormat {
    return this.#cached(options, () => new Intl.NumberFormat(this.language, options));
  }

  #date(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    return this.#cached(
      options,
      () => new Intl.DateTimeFormat(this.language, { ...options, timeZone: this.timeZone }),
    );
  }

  /** Intl's formats are slow to make, and tables have thousands of cells. */
  #cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(options: object, make: () => T): T {
    const key = JSON.stringify(options);
    let found = this.#formats.get(key) as T | undefined;
    if (!found) this.#formats.set(key, (found = make()));
    return found;
  }
}
