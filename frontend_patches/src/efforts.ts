import { isRecord, type Effort } from './model';

export const EFFORTS_KEY = 'reasoningEffortByModel';

/** What this browser's user has chosen, by model id, whether or not the model still has it. All but texts is passed over. */
export function readEfforts(storage: Storage): ReadonlyMap<string, Effort> {
  try {
    const stored: unknown = JSON.parse(storage.getItem(EFFORTS_KEY) ?? '{}');
    const entries = isRecord(stored) ? Object.entries(stored) : [];
    return new Map(entries.filter((entry): entry is [string, Effort] => typeof entry[1] === 'string'));
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
