/** Budgets and groups as one list of what limits me. */
import type { components } from '../../src/openapi';

type Schemas = components['schemas'];
type Forecast = Schemas['UsageForecast'];

export interface Limit {
  name: string;
  kind: 'budget' | 'group';
  unit: 'tokens' | 'requests' | 'usd';
  used: number;
  limit: number | null;
  resetsAt: string | null;
  /** Whether it is only shown, and refuses nothing. */
  warnsOnly: boolean;
  /** Whether it is an exception for the person, for a user group or for a role. */
  from: Schemas['UsageBudgetStatus']['limit_from'];
  /** Whether others use of it as well. */
  shared: boolean;
  estimated: number;
  unpriced: number;
  forecast: Forecast | undefined;
}

/** Those that are nearest to their end first; groups without a limit last. */
export function limitsOf(
  usage: { budgets: Schemas['UsageBudgetStatus'][]; groups: Record<string, Schemas['UsageGroup']> },
  forecasts: readonly Forecast[],
): Limit[] {
  const forecastOf = (kind: Limit['kind'], name: string) =>
    forecasts.find((each) => each.kind === kind && each.name === name);
  // What somebody has set for themselves stands by itself.
  const binding = usage.budgets.filter(({ scope }) => scope !== 'own');
  const budgets = binding.map((budget): Limit => ({
    name: budget.name,
    kind: 'budget',
    unit: budget.unit,
    used: budget.used,
    limit: budget.limit,
    resetsAt: budget.resets_at,
    warnsOnly: budget.action === 'warn',
    from: budget.limit_from,
    shared: budget.scope === 'everyone' || budget.scope === 'group' || budget.scope === 'role',
    estimated: 0,
    unpriced: 0,
    forecast: forecastOf('budget', budget.name),
  }));
  const groups = Object.entries(usage.groups).map(([name, group]): Limit => ({
    name,
    kind: 'group',
    unit: 'tokens',
    used: group.usage.total,
    limit: group.limit,
    resetsAt: group.resets_at,
    warnsOnly: group.action === 'warn',
    from: 'budget',
    shared: true,
    estimated: group.usage.estimated_calls,
    unpriced: 0,
    forecast: forecastOf('group', name),
  }));
  const share = ({ used, limit }: Limit) => (limit === null ? -1 : limit > 0 ? used / limit : 1);
  return [...budgets, ...groups].sort((a, b) => share(b) - share(a) || a.name.localeCompare(b.name));
}
