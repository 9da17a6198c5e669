/** Which calls are listed, all of it in the address. */
import { filterCodecs, filterQuery, filtersOf } from '../../filters/filters';
import { spanOf } from '../../../lib/ranges';
import { range, zone } from '../../../lib/report_state.svelte';
import { Parameters, text } from '../../../lib/router.svelte';

export class CallsState {
  readonly parameters = new Parameters({
    range: range('7d'),
    tz: zone(),
    /** An exact time in place of a range, where somebody came from a bar of a chart: dates or instants. */
    from: text(),
    to: text(),
    ...filterCodecs,
  });

  get values() {
    return this.parameters.values;
  }

  /** The exact time; undefined where the range counts. */
  get exact(): { from: string; to: string } | undefined {
    const { from, to } = this.values;
    return from && to ? { from, to } : undefined;
  }

  /** As the parameters of a list of calls. */
  get query() {
    const { range, tz } = this.values;
    const span = this.exact ?? (typeof range === 'string' ? spanOf(range, tz) : range);
    return { ...span, tz, ...filterQuery(filtersOf(this.values)) };
  }
}
