/** What a budget does at its limit, as it is typed, from what the server has and back. */
import type { components } from '../../../src/openapi';
import { language } from '../../lib/language';
import { readNumber, writeNumber } from '../../lib/numbers';
import { beginsAnew } from '../../lib/periods';
import type { Saving } from '../../lib/saving.svelte';

type Budget = components['schemas']['UsageBudget'];
export type Action = Budget['action'];

const ACTIONS: readonly Action[] = ['block', 'warn', 'fallback', 'slow', 'effort'];
/** Of a minute: a wait or less thought comes too late for it. */
const OF_MINUTE: readonly Action[] = ['block', 'warn', 'fallback'];

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

/** What a part of the form that shows them is given. */
export interface AtLimitProps {
  fields: AtLimitFields;
  period: string;
  saving: Saving;
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

export const actionsOf = (period: string): readonly Action[] => (period === 'minute' ? OF_MINUTE : ACTIONS);

/** What was chosen, where the period still has it. */
export const actionOf = ({ action }: AtLimitFields, period: string): Action =>
  actionsOf(period).includes(action) ? action : 'block';

/** Whether calls end at the limit, so that a prompt or an answer may be too long for what is left. */
export const refuses = (fields: AtLimitFields, period: string): boolean =>
  ['block', 'fallback'].includes(actionOf(fields, period));

export const canCapOutput = (fields: AtLimitFields, period: string): boolean =>
  period !== 'minute' && refuses(fields, period);

/**
 * What is no number is sent as it is: the server says what is wrong with it. What the form does not show is not sent, or as
 * nothing: nobody could mend it.
 */
export const atLimitBody = (fields: AtLimitFields, period: string) => ({
  action: actionOf(fields, period),
  fallback_model: fields.fallback || null,
  ...(actionOf(fields, period) === 'slow' && {
    slow_up_to: readNumber(fields.slowUpTo, language()) as number,
  }),
  effort_from: period === 'minute' ? null : (readNumber(fields.effortFrom, language()) as number | null),
  strict: fields.strict,
  cap_output: fields.capOutput && canCapOutput(fields, period),
  carry_over: !beginsAnew(period)
    ? ('none' as const)
    : fields.carry === 'some'
      ? (readNumber(fields.carryUpTo, language()) as number)
      : fields.carry,
});
