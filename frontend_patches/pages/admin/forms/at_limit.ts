/** What a budget does at its limit, as it is typed, from what the server has and back. */
import type { components } from '../../../src/openapi';
import { language } from '../../lib/language';
import { readNumber, writeNumber } from '../../lib/numbers';

type Budget = components['schemas']['UsageBudget'];
export type Action = Budget['action'];

export const ACTIONS: readonly Action[] = ['block', 'warn', 'fallback', 'slow', 'effort'];
/** Of a minute: a wait or less thought comes too late for it. */
export const OF_MINUTE: readonly Action[] = ['block', 'warn', 'fallback'];

export interface AtLimitFields {
  action: Action;
  fallback: string;
  slowUpTo: string;
  effortFrom: string;
  strict: boolean;
  capOutput: boolean;
  carry: 'none' | 'all' | 'some';
  carryUpTo: string;
}

export const atLimitFields = (budget?: Budget): AtLimitFields => ({
  action: budget?.action ?? 'block',
  fallback: budget?.fallback_model ?? '',
  slowUpTo: String(budget?.slow_up_to ?? 30),
  effortFrom: budget?.effort_from == null ? '' : String(budget.effort_from),
  strict: budget?.strict ?? false,
  capOutput: budget?.cap_output ?? false,
  carry: typeof budget?.carry_over === 'number' ? 'some' : ((budget?.carry_over as 'none' | 'all') ?? 'none'),
  carryUpTo: typeof budget?.carry_over === 'number' ? writeNumber(budget.carry_over, language()) : '',
});

/** Whether a remainder can be carried over: of what begins anew. */
export const carries = (period: string): boolean =>
  period !== 'total' && period !== 'minute' && !period.startsWith('last ');

/** What is no number is sent as it is: the server says what is wrong with it. */
export const atLimitBody = (fields: AtLimitFields, period: string) => ({
  action: fields.action,
  fallback_model: fields.fallback || null,
  slow_up_to: readNumber(fields.slowUpTo, language()) as number,
  effort_from: readNumber(fields.effortFrom, language()) as number | null,
  strict: fields.strict,
  cap_output: fields.capOutput,
  carry_over: !carries(period)
    ? ('none' as const)
    : fields.carry === 'some'
      ? (readNumber(fields.carryUpTo, language()) as number)
      : fields.carry,
});
