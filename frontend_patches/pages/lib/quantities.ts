/** Amounts with their units, in words that agree with the number. */
import type texts from '../words/shared.json';
import type { Format } from './format';
import { plural, words } from './words';

export type Unit = 'tokens' | 'requests' | 'usd';

/** `$3.20`, `1 request`, `1,234 tokens`: of what is counted in pieces, whole ones. */
export const quantity = (n: number, unit: Unit, format: Format): string =>
  unit === 'usd'
    ? format.money(n)
    : plural(words<typeof texts>('shared').quantities[unit], Math.round(n), format.language);
