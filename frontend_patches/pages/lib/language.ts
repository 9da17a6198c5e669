/** What a BCP 47 tag is to Intl; undefined for what is none. */
export function canonical(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0];
  } catch {
    return undefined;
  }
}

/** The language that Open WebUI is shown in, a BCP 47 tag: the one chosen there, or else the browser's. */
export function language(): string {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem('locale');
  } catch {
    // Storage may be forbidden; then nothing was chosen.
  }
  return canonical(chosen ?? '') ?? canonical(navigator.language) ?? 'en';
}

/** The part of a tag that decides which words are used: `pt` of `pt-BR`. */
export const primary = (tag: string): string => tag.split('-')[0]?.toLowerCase() ?? '';

const RIGHT_TO_LEFT = new Set(['ar', 'ckb', 'dv', 'fa', 'he', 'ps', 'sd', 'ug', 'ur', 'yi']);

export const direction = (tag: string): 'ltr' | 'rtl' => (RIGHT_TO_LEFT.has(primary(tag)) ? 'rtl' : 'ltr');
