/** What a change changed, in words: the fields that differ, each with what it was and what it is. */
import type { components } from '../../../../src/openapi';
import type { Format } from '../../../lib/format';
import { periodText } from '../../../lib/periods';
import { words } from '../../../lib/words';
import type creditTexts from '../../../words/credits.json';
import type manageTexts from '../../../words/manage.json';

type Entry = Pick<components['schemas']['JournalEntry'], 'change' | 'before' | 'after'>;

/** The names of fields as the forms have them. */
function fieldNames(): Record<string, string> {
  const m = words<typeof manageTexts>('manage');
  const c = words<typeof creditTexts>('credits');
  return {
    name: m.name,
    models: m.models,
    group: m.group,
    scope: m.whom,
    unit: m.unit,
    limit: m.limit,
    period: m.period,
    timezone: m.zone,
    action: m.action,
    fallback_model: c.fallbackModel,
    slow_up_to: c.slowUpTo,
    effort_from: c.effortFrom,
    strict: c.strict,
    cap_output: c.capOutput,
    carry_over: c.carryOver,
    soft_limits: m.softLimits,
    counting: m.counting,
    free_models_exempt: m.exempt,
    overrides: m.overrides,
    several_groups: m.severalGroups,
    ...m.rates,
  };
}

function valueText(field: string, value: unknown, format: Format): string {
  const m = words<typeof manageTexts>('manage');
  const c = words<typeof creditTexts>('credits');
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return format.number(value, 9);
  if (typeof value === 'boolean') return value ? '✓' : '–';
  if (typeof value === 'string') {
    const texts: Partial<Record<string, Record<string, string>>> = {
      action: { ...m.actions, fallback: c.fallback, slow: c.slow, effort: c.effort },
      counting: m.countings,
      unit: m.units,
      several_groups: m.severalGroupsOptions,
      carry_over: { none: c.carryNone, all: c.carryAll },
    };
    if (field === 'period') return periodText(value, m, format);
    return texts[field]?.[value] ?? value;
  }
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object'))
    return value.length ? value.map((each) => valueText('', each, format)).join(', ') : '–';
  return JSON.stringify(value);
}

/** Of a change alone: what was added or removed is told by its name. A field without a name here keeps the API's. */
export function detailsOf({ before, after, change }: Entry, format: Format): string[] {
  if (change !== 'changed') return [];
  const names = fieldNames();
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].map((field) =>
    [
      `${names[field] ?? field}:`,
      valueText(field, before?.[field], format),
      '→',
      valueText(field, after?.[field], format),
    ].join(' '),
  );
}
