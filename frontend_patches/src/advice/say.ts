/** What is expected, in words: rounded to two digits, for it is no more exact than that. */
import { verdict, type Claim, type Expected, type Range } from './expected';
import type { Reached } from './reached';
import type { TypicalEffort } from './typical';
import texts from './words.json';

type Words = (typeof texts)['en'];

/** A value that differs less than that from another, as a factor, is about the same. */
const SAME = 1.25;

/** Says it in one language, a BCP 47 tag; in English where nobody has translated it. */
export class Say {
  readonly words: Words;
  readonly #language: string | undefined;

  constructor(language: string) {
    this.words = (texts as Record<string, Words>)[language.split('-')[0]?.toLowerCase() ?? ''] ?? texts.en;
    try {
      this.#language = Intl.getCanonicalLocales(language)[0];
    } catch {
      this.#language = undefined; // no tag: the browser's own language
    }
  }

  /** `about 3 × Medium, typically 4,100 tokens, $0.03`; `usual` is what it is compared with, and what that is called. */
  level(known: TypicalEffort | undefined, usual: { name: string; known: TypicalEffort } | null): string {
    if (!known) return this.words.unknown;
    const [, tokens = 0] = known.tokens;
    const parts = [this.#fill(this.words.typically, { tokens: this.#number(tokens) })];
    const times = usual?.known.tokens[1] ? tokens / usual.known.tokens[1] : 1;
    if (usual && (times > SAME || times < 1 / SAME))
      parts.unshift(this.#fill(this.words.times, { n: this.#times(times), effort: usual.name }));
    if (known.cost) parts.push(this.#money(known.cost[1] ?? 0));
    return parts.join(', ');
  }

  /** `about 2,900–6,300 tokens`, and `$0.02–$0.05` where the cost is known. */
  amounts(expected: Expected | null): string[] {
    if (!expected) return [this.words.unknown];
    const { tokens, cost } = expected;
    const text = this.#fill(this.words.about, { tokens: this.#range(tokens, (n) => this.#number(n)) });
    return cost ? [text, this.#range(cost, (n) => this.#money(n))] : [text];
  }

  /** `fits, 12% of what is left`. */
  fit(claim: Claim): string {
    const share = claim.takes[1] / claim.left;
    return this.#fill(this.words[verdict(claim)], {
      share: share < 0.01 ? `<${this.#percent(0.01)}` : this.#percent(share),
    });
  }

  /** `until 1 Dec 2026, 00:00`, `gpt-4o-mini answers`, `each message waits 12 s`. */
  reached(reached: Reached): string {
    if (reached.is === 'slow')
      return this.#fill(this.words.waits, { seconds: this.#write(reached.seconds, {}) });
    if (reached.is === 'fallback')
      return reached.model ? this.#fill(this.words.other, { model: reached.model }) : this.words.another;
    if (reached.until === null) return this.words.lasting;
    const when = new Date(reached.until).toLocaleString(this.#language, {
      dateStyle: 'medium',
      timeStyle: 'short',
    });
    return this.#fill(this.words.until, { when });
  }

  #range([low, , high]: Range, write: (n: number) => string): string {
    const [from, to] = [write(low), write(high)];
    return from === to ? from : `${from}–${to}`;
  }

  /** `0.3`, `1.5`, `12`. */
  readonly #times = (n: number) =>
    n < 2
      ? this.#write(n, { maximumSignificantDigits: n < 1 ? 1 : 2 })
      : Math.round(n).toLocaleString(this.#language);

  readonly #number = (n: number) => this.#write(n, {});
  readonly #money = (dollars: number) => this.#write(dollars, { style: 'currency', currency: 'USD' });
  readonly #percent = (share: number) => this.#write(share, { style: 'percent' });

  #write(n: number, options: Intl.NumberFormatOptions): string {
    return n.toLocaleString(this.#language, { maximumSignificantDigits: 2, ...options });
  }

  #fill(text: string, values: Record<string, string>): string {
    return text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
  }
}
