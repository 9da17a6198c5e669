/**
 * What counter and menu say, in the page's language: the server sends it with the first answer, before which nothing is
 * drawn, so that the script carries no language at all. `groups` has a place for a number: `{n} usage groups`.
 */
export type Words = Record<
  | 'effort'
  | 'default'
  | 'none'
  | 'minimal'
  | 'low'
  | 'medium'
  | 'high'
  | 'xhigh'
  | 'max'
  | 'mixed'
  | 'prompt'
  | 'cached'
  | 'completion'
  | 'reasoning'
  | 'billed'
  | 'cost'
  | 'unpriced'
  | 'used'
  | 'remaining'
  | 'resets'
  | 'tokens'
  | 'requests'
  | 'groups',
  string
>;

/** The part of a language tag that decides which words are used: `pt` of `pt-BR`. */
export const primary = (language: string): string => language.split('-')[0] ?? '';
