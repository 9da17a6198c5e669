/** What a check says: in the words of the page where it has some, or else the server's own, which are English. */
import { Format } from '../../../lib/format';
import { fill, plural, words, type Plural } from '../../../lib/words';
import type texts from '../../../words/checks.json';
import type { Check } from './order';

type Text = string | Plural;
type Sentences = Record<string, Record<string, Record<string, { text: Text; mend?: string }>>>;
type Phrases = Omit<(typeof texts)['en']['values'], 'losses'> & { losses: Record<string, string> };
type Value = Check['values'][string];
type Written = Record<string, string>;

export interface Wording {
  text: string;
  mend: string | null;
  /** Whether it is the server's. */
  isEnglish: boolean;
}

export function inWords(check: Check, format: Format): Wording {
  const { sentences, values: phrases } = words<typeof texts>('checks');
  const found = (sentences as Sentences)[check.id]?.[check.state]?.[check.code ?? ''];
  const written = found ? write(check.values, phrases, format) : {};
  const text = found && filled(found.text, written, check, format);
  const mend = found?.mend === undefined ? null : filled(found.mend, written, check, format);
  // A server of another version may say more or less than these words.
  if (text === undefined || mend === undefined || (mend === null) !== (check.mend === null))
    return { text: check.text, mend: check.mend, isEnglish: true };
  return { text, mend, isEnglish: false };
}

/** Undefined where a value is missing. */
function filled(text: Text, written: Written, { values }: Check, format: Format): string | undefined {
  let form = text;
  if (typeof form !== 'string') {
    if (typeof values['n'] !== 'number') return undefined;
    form = plural(form, values['n'], format.language);
  }
  const isWhole = [...form.matchAll(/\{(\w+)\}/g)].every(([, name]) => name !== undefined && name in written);
  return isWhole ? fill(form, written) : undefined;
}

/** The values as the language writes them, without those that are not what their names promise. */
function write(values: Check['values'], phrases: Phrases, format: Format): Written {
  const written: Written = {};
  for (const [name, value] of Object.entries(values)) {
    const text = (WRITERS[name] ?? asItIs)(value, format, phrases);
    if (text !== undefined) written[name] = text;
  }
  return written;
}

type Writer = (value: Value, format: Format, phrases: Phrases) => string | undefined;

const asItIs: Writer = (value) => (typeof value === 'string' ? value : undefined);

const time: Writer = (value, format) =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? format.dateTime(value) : undefined;

const number =
  (text: (value: number, format: Format, phrases: Phrases) => string): Writer =>
  (value, format, phrases) =>
    typeof value === 'number' ? text(value, format, phrases) : undefined;

/** Names with how many or how often. */
const counted =
  (phrase: 'unpriced' | 'faults', separator: string): Writer =>
  (value, format, phrases) => {
    if (typeof value !== 'object') return undefined;
    const each = Object.entries(value).map(([name, n]) =>
      fill(plural(phrases[phrase], Number(n), format.language), { name }),
    );
    return each.join(separator);
  };

/** How a value is written, by its name, which says what it is. */
const WRITERS: Record<string, Writer> = {
  at: time,
  since: time,
  until: time,
  oldest: time,
  utc: (value, format, phrases) => time(value, new Format(format.language, 'UTC'), phrases),
  n: number((value, format) => format.number(value)),
  bytes: number((value, format) => format.bytes(value)),
  seconds: number((value, format) => format.duration(value)),
  milliseconds: number((value, format) => format.unit(value, 'millisecond', 1)),
  share: number((value, format) => format.percent(value)),
  tries: number((value, format, phrases) => plural(phrases.tries, value, format.language)),
  more: number((value, format, phrases) => (value ? plural(phrases.more, value, format.language) : '')),
  unpriced: counted('unpriced', ', '),
  faults: counted('faults', '; '),
  losses: (value, _format, phrases) => {
    if (typeof value !== 'object') return undefined;
    const each = Object.entries(value).map(([loss, functions]) => {
      const phrase = phrases.losses[loss];
      return phrase === undefined ? undefined : fill(phrase, { functions });
    });
    return each.includes(undefined) ? undefined : each.join('; ');
  },
};
