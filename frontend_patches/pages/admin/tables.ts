/** The name of a table below a heading: screen readers list both, so they are told apart. */
import { fill, words } from '../lib/words';
import type texts from '../words/filters.json';

export const tableOf = (title: string): string => fill(words<typeof texts>('filters').table, { title });
