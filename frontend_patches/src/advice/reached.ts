/** What a limit that is reached does to the next message, told before it is typed. Nothing here knows the page. */
import type { Budget, Group } from '../model';

/** What of a budget or group matters here. */
export interface Reachable {
  used: number;
  limit: number | null;
  action: Budget['action'];
  resets_at: string | null;
  fallback_model: string | null;
  wait_seconds: number;
}

/** `blocked` with the moment at which it ends, or null; `fallback` with the model's name, null where it is not told. */
export type Reached =
  | { is: 'blocked'; until: string | null }
  | { is: 'fallback'; model: string | null }
  | { is: 'slow'; seconds: number };

export const reachableGroup = ({ usage, limit, action, resets_at }: Group): Reachable => ({
  used: usage.total,
  limit,
  action,
  resets_at,
  fallback_model: null,
  wait_seconds: 0,
});

/** Null where the next message is answered as ever. A budget does not refuse the model that it falls back on. */
export function reachedOf(limit: Reachable, selected: readonly string[]): Reached | null {
  if (limit.limit === null || limit.used < limit.limit) return null;
  switch (limit.action) {
    case 'block':
      return { is: 'blocked', until: limit.resets_at };
    case 'fallback': {
      const model = limit.fallback_model;
      return selected.every((id) => id === model) ? null : { is: 'fallback', model };
    }
    case 'slow':
      return { is: 'slow', seconds: limit.wait_seconds };
    default:
      return null;
  }
}
