/** Prices, and what they would have come to. */
import type { components } from '../../../../src/openapi';
import { matches } from '../../../../src/matching';

export type Price = components['schemas']['UsagePrice'];
export type Effective = components['schemas']['EffectivePrice'];
export type Unpriced = components['schemas']['UnpricedCalls'];

export const keyOf = (model: string): string => `price ${model}`;

/** What calls would have cost, in US dollars. */
export function costOf(calls: Unpriced, price: Omit<Price, 'model'>): number {
  const { input, output, request } = price;
  const plain = Math.max(0, calls.input - calls.cached_input - calls.cache_write);
  const tokens =
    plain * input +
    calls.cached_input * (price.cached_input ?? input) +
    calls.cache_write * (price.cache_write ?? input) +
    calls.output * output;
  return tokens / 1e6 + calls.calls * request;
}

/** Models without a price that a pattern would give one. */
export const pricedBy = (pattern: string, unpriced: readonly Unpriced[]): Unpriced[] =>
  unpriced.filter(({ model }) => matches(pattern, model));

/** Models of the deployment that a pattern is for: a workspace model by its own id, or by a pattern of its base's. */
export const modelsOf = (pattern: string, models: readonly Effective[]): Effective[] =>
  models.filter(({ id, called }) => id === pattern || matches(pattern, called));
