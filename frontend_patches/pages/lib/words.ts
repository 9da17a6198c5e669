/**
 * What the pages say. Each area has a file of its own, `words/AREA.json`, with an object for each language; what a language
 * lacks is said in English.
 *
 *     import type texts from '../words/my.json';
 *     const t = words<typeof texts>('my');   // in a component, not at the top of a module: words are loaded first
 *     fill(t.left, { n: format.number(3) })
 */
import loaders from 'virtual:words';
import { language, primary } from './language';

/** The texts of a language by number: `{"one": "{n} call", "other": "{n} calls"}`, by the categories of Unicode's CLDR. */
export type Plural = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

let loaded: Record<string, object> = {};

/** Loads the words of Open WebUI's language, or else English. To be awaited before anything is drawn. */
export async function loadWords(tag: string = language()): Promise<void> {
  const load = loaders[primary(tag)] ?? loaders['en'];
  loaded = load ? (await load()).default : {};
}

/** The words of an area; `T` is the type of its file. */
export function words<T extends { en: object }>(area: string): T['en'] {
  const found = loaded[area];
  if (!found) throw new Error(`There are no words for "${area}", or they are not loaded yet`);
  return found as T['en'];
}

/** `text` with values in place of its `{names}`. */
export const fill = (text: string, values: Record<string, string | number>): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => `${values[name] ?? place}`);

/** The form of a text for a number, which its `{n}` becomes as the language writes it. */
export function plural(forms: Plural, n: number, tag: string = language()): string {
  const form = forms[new Intl.PluralRules(tag).select(n)] ?? forms.other;
  return fill(form, { n: n.toLocaleString(tag) });
}
