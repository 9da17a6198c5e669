import { isEffort, isRecord, type Effort } from './model';

export const EFFORTS_KEY = 'reasoningEffortByModel';

/** The efforts that this browser's user has chosen, by model id. Whatever else the key holds is passed over. */
export function readEfforts(storage: Storage): ReadonlyMap<string, Effort> {
  try {
    const stored: unknown = JSON.parse(storage.getItem(EFFORTS_KEY) ?? '{}');
    const entries = isRecord(stored) ? Object.entries(stored) : [];
    return new Map(entries.filter((entry): entry is [string, Effort] => isEffort(entry[1])));
  } catch {
    return new Map();
  }
}

/** Remembers `effort` for `model` and returns all choices; they hold for this page even where nothing can be stored. */
export function chooseEffort(storage: Storage, model: string, effort: Effort): ReadonlyMap<string, Effort> {
  const chosen = new Map(readEfforts(storage)).set(model, effort);
  try {
    storage.setItem(EFFORTS_KEY, JSON.stringify(Object.fromEntries(chosen)));
  } catch {
    // The quota is used up or storage is blocked.
  }
  return chosen;
}
