/** Reports that are grouped by two dimensions, as charts and tables show them. */
import type { Dimension, Report, ReportRow } from '../../../lib/series';
import { valueOf } from '../../../lib/series';

/** What no value has in it. */
const BETWEEN = '\u001f';

export interface Value {
  dimension: Dimension;
  id: string;
  name: string;
}

/** What a row is of, a value for each dimension. */
export const valuesOf = (row: ReportRow, dimensions: readonly Dimension[]): Value[] =>
  dimensions.map((dimension) => ({ dimension, ...valueOf(row, dimension) }));

/** The same for each row that is of the same values. */
export const keyOf = (values: readonly Value[]): string => values.map(({ id }) => id).join(BETWEEN);

/** All that is not among the top. */
export const isOther = (values: readonly Value[]): boolean => values.every(({ id }) => id === 'Other');

/** A report by two dimensions as one by the first, whose values are the pairs; any other stays as it is. */
export function joined(report: Report, named: (name: string) => string): Report {
  const [first, second] = report.group_by;
  if (!first || !second) return report;
  const rows = report.rows.map((row) => {
    const values = valuesOf(row, [first, second]);
    if (isOther(values)) return row;
    const value = { id: keyOf(values), name: values.map(({ name }) => named(name)).join(' · ') };
    return { ...row, [first]: value };
  });
  return { ...report, group_by: [first], rows };
}
