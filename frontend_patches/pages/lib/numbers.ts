/** Numbers as people type them, in their language. */

/** What stands between thousands, and before decimals. */
function marksOf(language: string): { group: string; decimal: string } {
  const parts = new Intl.NumberFormat(language).formatToParts(12_345.6);
  const mark = (type: string, usual: string) => parts.find((part) => part.type === type)?.value ?? usual;
  return { group: mark('group', ','), decimal: mark('decimal', '.') };
}

/**
 * The number that a text stands for, null for an empty one. What is no number is returned as it is: the server says what
 * is wrong with it. A point is a decimal point also where the language has a comma, unless thousands follow it.
 */
export function readNumber(text: string, language: string): number | string | null {
  const typed = text.trim();
  if (!typed) return null;
  const { group, decimal } = marksOf(language);
  let plain = typed.replace(/[\s_'’\u00a0\u202f]/g, '');
  const inThousands = new RegExp(`^-?\\d{1,3}(${escaped(group)}\\d{3})+(${escaped(decimal)}\\d+)?$`);
  if (inThousands.test(plain)) plain = plain.replaceAll(group, '');
  if (decimal !== '.') plain = plain.replace(decimal, '.');
  return /^-?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : typed;
}

/** A number to type over: without marks between thousands, which would be in the way. */
export const writeNumber = (n: number | null, language: string): string =>
  n === null
    ? ''
    : new Intl.NumberFormat(language, { useGrouping: false, maximumFractionDigits: 12 }).format(n);

/** Whole numbers with anything between them, as in `80, 95`. */
export const readList = (text: string): (number | string)[] =>
  (text.match(/[^\s,;]+/g) ?? []).map((part) => (/^\d+$/.test(part) ? Number(part) : part));

const escaped = (mark: string): string => mark.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
