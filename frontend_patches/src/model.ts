/** What the server tells the page. All token counts are whole numbers across all users of a group. */

/** What a menu may offer, weakest first; "default" leaves it to the provider. */
export type Effort = 'default' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';

/** Of a group's current period. */
export interface Usage {
  in: number;
  out: number;
  total: number;
  /** Tokens of the prompts that came from a cache. */
  cached: number;
  completion: number;
  reasoning: number;
  /** Tokens that were billed, each once. */
  billed: number;
  /** In US dollars; null where no price is known. */
  cost: number | null;
  /** Calls without a price, which `cost` does not contain. */
  unpriced_calls: number;
}

export interface Group {
  /** Model ids or globs: `*` is any run of characters, `?` is one. */
  models: string[];
  /** In tokens; null where the group has no limit. */
  limit: number | null;
  usage: Usage;
  /** ISO 8601; null where the period never ends. */
  resets_at: string | null;
}

/** A budget that binds whoever is signed in, and how it stands. */
export interface Budget {
  name: string;
  unit: 'tokens' | 'usd' | 'requests';
  /** In `unit`; null where the budget only counts. */
  limit: number | null;
  used: number;
  resets_at: string | null;
  /** Ids or globs of the models it counts; null where it counts a usage group's. */
  models: string[] | null;
  group: string | null;
}

export interface Model {
  /** As Open WebUI's model selector shows it; not unique. */
  name: string;
  /** The model a workspace model is built on. */
  base: string | null;
  /** What the menu shows when nobody has chosen; null where there is nothing to choose. */
  effort: Effort | null;
  /** What the menu offers, in order; left out where there is nothing to choose. */
  efforts?: readonly Effort[];
}

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
