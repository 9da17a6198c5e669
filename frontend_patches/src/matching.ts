import type { Group, Groups, Models } from './model';

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

/** The groups that hold at least one of `selected`, each once. A workspace model counts by its base's id too. */
export function groupsOf(selected: readonly string[], groups: Groups, models: Models): [string, Group][] {
  const ids = selected.flatMap((id) => [id, models.get(id)?.base ?? id]);
  return [...groups].filter(([, group]) =>
    group.models.some((pattern) => ids.some((id) => matches(pattern, id))),
  );
}
