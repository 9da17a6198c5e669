import type { Budget, Group, Groups, Models } from './model';

/** Whether `id` matches `pattern`, without ever backtracking further than one star, so that nothing explodes on `*a*a*a*`. */
export function matches(pattern: string, id: string): boolean {
  if (pattern === id) return true;
  const [p, s] = [Array.from(pattern), Array.from(id)];
  let [i, j, star, retry] = [0, 0, -1, 0];
  while (j < s.length) {
    if (p[i] === '*') {
      star = i++;
      retry = j;
    } else if (i < p.length && (p[i] === '?' || p[i] === s[j])) {
      i++;
      j++;
    } else if (star >= 0) {
      i = star + 1;
      j = ++retry;
    } else return false;
  }
  while (p[i] === '*') i++;
  return i === p.length;
}

/** The ids by which groups and budgets know `selected`: a workspace model counts by its base's id too. */
const idsOf = (selected: readonly string[], models: Models): string[] =>
  selected.flatMap((id) => [id, models.get(id)?.base ?? id]);

const anyMatches = (patterns: readonly string[], ids: readonly string[]): boolean =>
  patterns.some((pattern) => ids.some((id) => matches(pattern, id)));

/** The groups that hold at least one of `selected`, each once. */
export function groupsOf(selected: readonly string[], groups: Groups, models: Models): [string, Group][] {
  const ids = idsOf(selected, models);
  return [...groups].filter(([, group]) => anyMatches(group.models, ids));
}

/** Of the budgets that limit calls of `selected` the one of which the greatest share is used; null where none does. */
export function tightestOf(
  selected: readonly string[],
  budgets: readonly Budget[],
  groups: Groups,
  models: Models,
): Budget | null {
  const ids = idsOf(selected, models);
  const applies = ({ limit, models: own, group }: Budget) =>
    limit !== null && anyMatches(own ?? groups.get(group ?? '')?.models ?? [], ids);
  return budgets
    .filter(applies)
    .reduce<Budget | null>(
      (tightest, budget) => (tightest && shareOf(tightest) >= shareOf(budget) ? tightest : budget),
      null,
    );
}

/** Which part of its limit is used: 1 is all of it; 0 where there is no limit. */
export function shareOf({ used, limit }: { used: number; limit: number | null }): number {
  if (limit === null) return 0;
  return limit ? used / limit : 1;
}
