import { chooseEffort, EFFORTS_KEY, readEfforts } from './efforts';
import { levelOf, usageText, type Level } from './format';
import { groupsOf } from './matching';
import type { Effort, Group, Groups, Models } from './model';

export interface Line {
  group: string;
  text: string;
  level: Level;
}

/** What the page knows: four facts, and what follows from them. */
export class UsageState {
  groups: Groups = $state.raw(new Map());
  models: Models = $state.raw(new Map());
  /** Ids of the models that the chat on screen will use. */
  selected: readonly string[] = $state.raw([]);
  language: string = $state.raw('');
  #chosen: ReadonlyMap<string, Effort> = $state.raw(new Map());
  readonly #storage: Storage;

  readonly lines: Line[] = $derived(
    groupsOf(this.selected, this.groups, this.models).map(([group, value]) => ({
      group,
      text: usageText(value, this.language),
      level: levelOf(value),
    })),
  );
  readonly reasoners: string[] = $derived(this.selected.filter((id) => this.models.get(id)?.effort));

  constructor(storage: Storage = localStorage) {
    this.#storage = storage;
    this.#chosen = readEfforts(storage);
  }

  /** The effort that a call of `id` gets; null for a model without a choice. */
  effortOf(id: string): Effort | null {
    const preset = this.models.get(id)?.effort ?? null;
    return preset && (this.#chosen.get(id) ?? preset);
  }

  /** What the selected models that reason agree on; null where they differ. */
  get effort(): Effort | null {
    const efforts = new Set(this.reasoners.map((id) => this.effortOf(id)));
    return efforts.size === 1 ? ([...efforts][0] ?? null) : null;
  }

  choose(effort: Effort): void {
    this.#chosen = chooseEffort(this.#storage, this.reasoners, effort);
  }

  /** Another tab has stored something. */
  stored(key: string | null): void {
    if (key === EFFORTS_KEY || key === null) this.#chosen = readEfforts(this.#storage);
  }

  /** Takes over groups that changed; null removes one. */
  merge(changed: ReadonlyMap<string, Group | null>): void {
    const groups = new Map(this.groups);
    for (const [name, group] of changed) {
      if (group) groups.set(name, group);
      else groups.delete(name);
    }
    this.groups = groups;
  }

  /** Takes over all groups there are. */
  replace(groups: ReadonlyMap<string, Group | null>): void {
    this.groups = new Map();
    this.merge(groups);
  }

  clear(): void {
    this.groups = new Map();
    this.models = new Map();
  }
}
