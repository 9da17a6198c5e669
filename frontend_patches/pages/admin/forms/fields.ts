/** A limit as it is typed, from what the server has and back. */
import { language } from '../../lib/language';
import { readList, readNumber, writeNumber } from '../../lib/numbers';
import { localZone } from '../../lib/zones';
import type { Unit } from '../../lib/quantities';
import type { LimitFields } from './Limits.svelte';

type Kept = Omit<LimitFields, 'limit' | 'soft_limits' | 'unit' | 'action'> & {
  action: string;
  limit: number | null;
  soft_limits: readonly number[];
  unit?: Unit;
};

/** For something new: monthly, in the days of whoever makes it. */
export const newLimit = (unit: Unit): LimitFields => ({
  unit,
  limit: '',
  period: 'month',
  timezone: localZone(),
  action: 'block',
  soft_limits: '80, 95',
  counting: 'documented',
});

export const limitFields = ({ unit = 'tokens', ...kept }: Kept): LimitFields => ({
  unit,
  limit: writeNumber(kept.limit, language()),
  period: kept.period,
  timezone: kept.timezone,
  action: kept.action === 'warn' ? 'warn' : 'block',
  soft_limits: kept.soft_limits.join(', '),
  counting: kept.counting,
});

/** What is no number is sent as it is: the server says what is wrong with it. */
export const limitBody = ({ limit, soft_limits, period, timezone, action, counting }: LimitFields) => ({
  limit: readNumber(limit, language()) as number | null,
  period,
  timezone,
  action,
  soft_limits: readList(soft_limits) as number[],
  counting,
});
