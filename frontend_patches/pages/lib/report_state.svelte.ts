/** What a report is asked for, kept in the address. */
import type { Bucket } from './format';
import { readRange, spanOf, usualBucket, writeRange, type RangeName, type Span } from './ranges';
import { flag, oneOf, Parameters, type Codec } from './router.svelte';
import type { Dimension, Metric } from './series';
import { isZone, localZone } from './zones';

/** Layers of a chart; the rest is one more. */
export const TOP = 8;

export const range = (usual: RangeName): Codec<RangeName | Span> => ({
  read: ([value]) => readRange(value ?? '') ?? usual,
  write: (value) => (value === usual ? [] : [writeRange(value)]),
});

export const zone = (): Codec<string> => ({
  read: ([value]) => (value && isZone(value) ? value : localZone()),
  write: (value) => (value === localZone() ? [] : [value]),
});

export const METRICS: readonly Metric[] = ['cost', 'total', 'calls'];
const BUCKETS: readonly (Bucket | '')[] = ['', '15m', 'hour', 'day', 'week', 'month'];

/** `by` is what it may be grouped by, the usual one first. */
export class ReportState {
  readonly parameters;

  constructor(by: readonly (Dimension | '')[], usual: RangeName = '30d') {
    this.parameters = new Parameters({
      range: range(usual),
      tz: zone(),
      bucket: oneOf(BUCKETS, ''),
      metric: oneOf(METRICS, 'cost'),
      by: oneOf(by, by[0] ?? ''),
      before: flag(),
    });
  }

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

  /** As the parameters of a report. */
  get query() {
    const { by, tz, before } = this.values;
    return {
      ...this.span,
      tz,
      bucket: this.bucket,
      ...(by && { group_by: [by], top: TOP }),
      ...(before && { compare: 'previous' as const }),
    };
  }
}

export type ReportQuery = Partial<ReportState['query']>;
