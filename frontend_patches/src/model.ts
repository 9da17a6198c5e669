/** What the server tells the page, as its own documentation says. */
import type { components } from './openapi';

type Schemas = components['schemas'];
/** Of a group's current period. All token counts are whole numbers across all users of a group. */
export type Usage = Schemas['PeriodUsage'];
export type Group = Schemas['UsageGroup'];
/** A budget that binds whoever is signed in, and how it stands. */
export type Budget = Schemas['UsageBudgetStatus'];
export type Model = Schemas['SelectableModel'];
/** What a menu may offer, weakest first; "default" leaves it to the provider. */
export type Effort = NonNullable<Model['effort']>;

export type Groups = ReadonlyMap<string, Group>;
export type Models = ReadonlyMap<string, Model>;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * An answer, or the event `usage`: groups (null: gone), and all budgets; null where they did not change. The server is believed
 * on the types of what it sends.
 */
export interface UsageUpdate {
  groups: ReadonlyMap<string, Group | null>;
  budgets: Budget[] | null;
}

const entries = <T>(value: unknown): Map<string, T> =>
  new Map(isRecord(value) ? (Object.entries(value) as [string, T][]) : []);

export function readUsageUpdate(value: Record<string, unknown>): UsageUpdate {
  const { budgets } = value;
  return { groups: entries(value['groups']), budgets: Array.isArray(budgets) ? budgets : null };
}

export const readModels = (value: unknown): Models => entries(value);
