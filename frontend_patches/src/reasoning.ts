import type { Effort } from './model';

export type EffortOf = (model: string) => Effort | null;

/** As it is documented, and with `efforts` where one request asks several models. */
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
  const efforts = several.flatMap((id): [string, Effort][] => {
    const value = effortOf(id);
    return value ? [[id, value]] : [];
  });
  const each = several.length > 1 && efforts.length > 0;
  if (!effort && !each) return null;
  return { ...(effort && { effort }), ...(each && { efforts: Object.fromEntries(efforts) }) };
}
