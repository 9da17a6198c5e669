import type { Effort } from './model';

export type EffortOf = (model: string) => Effort | null;

/** As it is documented; with `efforts` where one request asks several models, or where the documented words do not do. */
export interface Reasoning {
  effort?: Effort;
  efforts?: Record<string, Effort>;
}

/** What a chat request to `model`, and to all of `several` where they are more than one, says; null where there is nothing to say. */
export function reasoningFor(
  model: string,
  several: readonly string[],
  effortOf: EffortOf,
): Reasoning | null {
  const effort = effortOf(model);
  const documented = effort && /^(low|medium|high)$/.test(effort) ? effort : null;
  const efforts = [...new Set([model, ...several])].flatMap((id): [string, Effort][] => {
    const value = effortOf(id);
    return value ? [[id, value]] : [];
  });
  if (!efforts.length) return null;
  const each = several.length > 1 || !documented;
  return { ...(documented && { effort: documented }), ...(each && { efforts: Object.fromEntries(efforts) }) };
}
