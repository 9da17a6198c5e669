/** Budgets, and how they stand. */
import type { components } from '../../../../src/openapi';
import type { Kind } from '../../../lib/directory';

export type Budget = components['schemas']['UsageBudget'];
export type ScopeKind = Budget['scope']['kind'];
export type Forecast = components['schemas']['UsageForecast'];

type Unlimited = components['schemas']['UnlimitedBudgetUse'];

export const SCOPES: readonly ScopeKind[] = [
  'each_user',
  'everyone',
  'user',
  'group',
  'each_user_of_group',
  'role',
  'each_user_of_role',
];

/** What a scope names, where it names something. */
export const namedBy = (kind: ScopeKind): Kind | undefined =>
  kind === 'user' ? 'user' : kind === 'group' || kind === 'each_user_of_group' ? 'user-group' : undefined;

/** Whether it names a role. */
export const isOfRole = (kind: ScopeKind): boolean => kind === 'role' || kind === 'each_user_of_role';

/** Whether each person has a sum of their own, so that there may be exceptions. */
export const isEach = (kind: ScopeKind): boolean => kind.startsWith('each_user');

export interface Row {
  budget: Budget;
  /** Of one sum that all share; of the one who used the most, where each person has their own. */
  greatest: Forecast | Unlimited | undefined;
  /** How many have reached the limit, of those who used the most. */
  reached: number;
}

export function rowsOf(
  budgets: readonly Budget[],
  answer: components['schemas']['UsageForecasts'] | undefined,
): Row[] {
  return budgets.map((budget) => {
    const own = (answer?.forecasts ?? []).filter(
      ({ kind, name }) => kind === 'budget' && name === budget.name,
    );
    const greatest = own.reduce<Forecast | undefined>(
      (most, each) => (most && most.used >= each.used ? most : each),
      undefined,
    );
    const counted = answer?.unlimited?.find(({ name }) => name === budget.name);
    const reached = isEach(budget.scope.kind) ? own.filter(({ used, limit }) => used >= limit).length : 0;
    return { budget, greatest: greatest ?? counted, reached };
  });
}

export const keyOf = (name: string): string => `budget ${name}`;
