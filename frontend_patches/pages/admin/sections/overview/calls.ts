/** From what the overview shows to the calls that it is made of. */
import { FILTERS, type FilterName } from '../../filters/filters';
import { writeRange } from '../../../lib/ranges';
import { router } from '../../../lib/router.svelte';
import { localZone } from '../../../lib/zones';
import type { Value } from './pairs';
import type { OverviewState } from './state.svelte';

/** The address of the calls that are chosen here, and besides of some values and of a part of the time. */
export function callsOf(
  overview: OverviewState,
  values: readonly Value[],
  time?: { from: string; to: string },
): string {
  const state = overview.values;
  const query: Record<string, string | readonly string[]> = {};
  for (const name of FILTERS) if (state[name].length) query[name] = state[name];
  for (const { dimension, id } of values) {
    if ((FILTERS as readonly string[]).includes(dimension)) query[dimension as FilterName] = [id];
  }
  if (state.tz !== localZone()) query['tz'] = state.tz;
  if (time) Object.assign(query, time);
  else query['range'] = writeRange(state.range);
  return router.href('calls', query);
}
