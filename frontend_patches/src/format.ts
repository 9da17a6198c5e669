import type { Group } from './model';

/** `1,234 IN · 5,678 OUT · 6,912 TOTAL / 10,000,000`, digits as `language` (a BCP 47 tag) writes them. */
export function usageText({ usage, limit }: Group, language: string): string {
  const number = (n: number) => {
    try {
      return n.toLocaleString(language || undefined);
    } catch {
      return n.toLocaleString(); // not a tag that the browser understands
    }
  };
  const text = `${number(usage.in)} IN · ${number(usage.out)} OUT · ${number(usage.total)} TOTAL`;
  return limit === null ? text : `${text} / ${number(limit)}`;
}

/** How near a limit is: from 75 % of it `near`, from 90 % `full`. */
export type Level = '' | 'near' | 'full';

export function levelOf({ usage, limit }: Pick<Group, 'usage' | 'limit'>): Level {
  if (limit === null) return '';
  const percent = limit ? (100 * usage.total) / limit : 100;
  return percent >= 90 ? 'full' : percent >= 75 ? 'near' : '';
}
