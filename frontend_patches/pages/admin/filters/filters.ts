/** What calls are chosen by on the admins' pages: the same parameters in the address as in the server's reports. */
import type { paths } from '../../../src/openapi';
import { list, type Codec } from '../../lib/router.svelte';

type Parameters = NonNullable<paths['/api/usage/reports']['get']['parameters']['query']>;

export const FILTERS = [
  'user',
  'user_group',
  'model',
  'connection',
  'usage_group',
  'kind',
  'key',
  'outcome',
] as const;
export type FilterName = (typeof FILTERS)[number];
export type FilterValues = Record<FilterName, string[]>;

/** For the `Parameters` of a page. */
export const filterCodecs = Object.fromEntries(FILTERS.map((name) => [name, list()])) as Record<
  FilterName,
  Codec<string[]>
>;

/** Those of a page's parameters that are filters. */
export const filtersOf = (values: FilterValues): FilterValues =>
  Object.fromEntries(FILTERS.map((name) => [name, values[name]])) as FilterValues;

/** As a query to the server. */
export const filterQuery = (values: FilterValues): Pick<Parameters, FilterName> =>
  Object.fromEntries(FILTERS.filter((name) => values[name].length).map((name) => [name, values[name]]));

/** Whether the values of a filter may be globs. */
export const takesGlobs = (name: FilterName): boolean => name === 'model';
