/** What a message will probably use, and whether that fits. Nothing here knows the page. */
import type { Budget, Group } from '../model';
import type { Typical, TypicalEffort } from './typical';

/** A model that the message is for: by the id that its provider is asked for, and the effort that is sent, '' for none. */
export interface Asked {
  id: string;
  effort: string;
}

/** A first quartile, a median, a third quartile. */
export type Range = readonly [low: number, middle: number, high: number];

/** What all models together will use: tokens as billed and as documented counting has them, prompts among them. */
export interface Expected {
  tokens: Range;
  documented: Range;
  /** US dollars; null where a price is not known. */
  cost: Range | null;
}

export const effortOf = (typical: Typical, { id, effort }: Asked): TypicalEffort | undefined =>
  typical.models[id]?.efforts[effort];

const NANO = 1e9;
const plus = (one: Range, other: readonly number[]): Range => [
  one[0] + (other[0] ?? 0),
  one[1] + (other[1] ?? 0),
  one[2] + (other[2] ?? 0),
];

/** The sum over all models, each of which gets the prompt; null where one of them is not known well enough. */
export function expected(typical: Typical, asked: readonly Asked[], promptTokens: number): Expected | null {
  const prompt: Range = [promptTokens, promptTokens, promptTokens];
  let sum: Expected = { tokens: [0, 0, 0], documented: [0, 0, 0], cost: [0, 0, 0] };
  for (const each of asked) {
    const known = effortOf(typical, each);
    if (!known) return null;
    const price = ((typical.models[each.id]?.prompt_price ?? 0) * promptTokens) / NANO;
    sum = {
      tokens: plus(plus(sum.tokens, known.tokens), prompt),
      documented: plus(plus(sum.documented, known.out), prompt),
      cost: sum.cost && known.cost && plus(plus(sum.cost, known.cost), [price, price, price]),
    };
  }
  return asked.length ? sum : null;
}

/** A limit: how much is left of it, and what the message will take of that, in its unit. */
export interface Claim {
  left: number;
  takes: Range;
}

/** Null where the group has no limit. */
export function claimOnGroup({ limit, usage, counting }: Group, expected: Expected): Claim | null {
  if (limit === null) return null;
  return { left: limit - usage.total, takes: counting === 'billed' ? expected.tokens : expected.documented };
}

/** Null where the budget has no limit, or is one of money and there is no price. */
export function claimOnBudget(
  { limit, used, unit }: Budget,
  expected: Expected,
  calls: number,
): Claim | null {
  const amounts = {
    tokens: expected.documented,
    usd: expected.cost,
    requests: [calls, calls, calls] as const,
  };
  const takes = amounts[unit];
  return limit === null || !takes ? null : { left: limit - used, takes };
}

/** `fits` where three of four such messages would, `over` where three of four would not. */
export function verdict({ left, takes: [low, , high] }: Claim): 'fits' | 'perhaps' | 'over' {
  return left <= 0 || low > left ? 'over' : high > left ? 'perhaps' : 'fits';
}
