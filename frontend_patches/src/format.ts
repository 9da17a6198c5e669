import { shareOf } from './matching';
import type { Budget, Group } from './model';
import type { Words } from './words';

/** A label and what it says, as a tooltip shows them. */
export type Row = readonly [string, string];

/** What a BCP 47 tag is to Intl; undefined, the browser's own language, for what is none. */
function tag(language: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(language)[0];
  } catch {
    return undefined;
  }
}

const number = (n: number, language: string): string => n.toLocaleString(tag(language));

/** US dollars, small sums with as many digits as it takes to see them: `$3.20`, `$0.0042`. */
const money = (dollars: number, language: string): string =>
  dollars.toLocaleString(tag(language), {
    style: 'currency',
    currency: 'USD',
    maximumFractionDigits: dollars < 1 ? 4 : 2,
  });

/** `1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000,000`. */
export function usageText({ usage, limit }: Group, language: string): string {
  const [used, generated, total] = [usage.in, usage.out, usage.total].map((n) => number(n, language));
  const text = `${used} IN · ${generated} OUT · ${total} TOTAL`;
  return limit === null ? text : `${text} / ${number(limit, language)}`;
}

const amount = (n: number, { unit }: Budget, language: string): string =>
  (unit === 'usd' ? money : number)(n, language);

/** `$3.20 / $10.00`, `12 / 100 requests`. */
export function budgetText(budget: Budget, language: string, words: Words): string {
  const { unit, used, limit } = budget;
  const text = `${amount(used, budget, language)} / ${amount(limit ?? 0, budget, language)}`;
  return unit === 'usd' ? text : `${text} ${words[unit]}`;
}

/** How near a limit is: from 75 % of it `near`, from 90 % `full`. */
export type Level = '' | 'near' | 'full';

export function levelOf(amounts: { used: number; limit: number | null }): Level {
  const share = shareOf(amounts);
  return share >= 0.9 ? 'full' : share >= 0.75 ? 'near' : '';
}

/** What a group's line leaves out. `now` in ms. */
export function groupRows(group: Group, language: string, words: Words, now: number): Row[] {
  const { usage, limit, resets_at } = group;
  const costs: string[] = [];
  if (usage.cost !== null) costs.push(money(usage.cost, language));
  if (usage.unpriced_calls) costs.push(`${number(usage.unpriced_calls, language)} ${words.unpriced}`);
  const rows: Row[] = (['prompt', 'cached', 'completion', 'reasoning', 'billed'] as const).map((key) => [
    words[key],
    number(usage[key === 'prompt' ? 'in' : key], language),
  ]);
  rows.push([words.cost, costs.join(' · ')]);
  if (limit !== null) rows.push([words.remaining, number(Math.max(0, limit - usage.total), language)]);
  return [...rows, ...resets(resets_at, language, words, now)];
}

export function budgetRows(budget: Budget, language: string, words: Words, now: number): Row[] {
  const { used, limit, resets_at } = budget;
  return [
    [words.used, amount(used, budget, language)],
    [words.remaining, amount(Math.max(0, (limit ?? 0) - used), budget, language)],
    ...resets(resets_at, language, words, now),
  ];
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** In how many days, hours or minutes it begins anew, in the greatest unit of which there are two; nothing where it never does. */
function resets(at: string | null, language: string, words: Words, now: number): Row[] {
  if (!at) return [];
  const left = Math.max(0, Date.parse(at) - now);
  const [unit, length] = UNITS.find(([, length]) => left >= 2 * length) ?? UNITS[2];
  return [[words.resets, new Intl.RelativeTimeFormat(tag(language)).format(Math.ceil(left / length), unit)]];
}
