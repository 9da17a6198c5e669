/** What the overview shows, all of it in the address. */
import { filterCodecs, filterQuery, filtersOf } from '../../filters/filters';
import type { Bucket } from '../../../lib/format';
import { spanOf, usualBucket, type Span } from '../../../lib/ranges';
import { METRICS, range, zone } from '../../../lib/report_state.svelte';
import { flag, integer, oneOf, Parameters } from '../../../lib/router.svelte';

export const GROUPINGS = [
  'model',
  'user',
  'user_group',
  'connection',
  'usage_group',
  'kind',
  'key',
  'outcome',
  'called_model',
] as const;
export type Grouping = (typeof GROUPINGS)[number];
export const TOPS = [5, 8, 20, 50] as const;
const BUCKETS: readonly (Bucket | '')[] = ['', '15m', 'hour', 'day', 'week', 'month'];

export class OverviewState {
  readonly parameters = new Parameters({
    range: range('30d'),
    tz: zone(),
    bucket: oneOf(BUCKETS, ''),
    metric: oneOf(METRICS, 'cost'),
    by: oneOf(GROUPINGS, 'model'),
    then: oneOf(['', ...GROUPINGS] as const, ''),
    top: integer(8, 1, 100),
    before: flag(),
    ...filterCodecs,
  });

  get values() {
    return this.parameters.values;
  }

  get span(): Span {
    const { range, tz } = this.values;
    return typeof range === 'string' ? spanOf(range, tz) : range;
  }

  get bucket(): Bucket {
    return this.values.bucket || usualBucket(this.span);
  }

  get groupBy(): Grouping[] {
    const { by, then } = this.values;
    return then && then !== by ? [by, then] : [by];
  }

  /** Time and filters, as the parameters of a report. */
  get scope() {
    return { ...this.span, tz: this.values.tz, ...filterQuery(filtersOf(this.values)) };
  }
}
