import { chooseEffort, EFFORTS_KEY, readEfforts } from './efforts';
import { budgetRows, budgetText, groupRows, levelOf, usageText, type Level, type Row } from './format';
import { groupsOf, shareOf, tightestOf } from './matching';
import type { Budget, Effort, Groups, Models, UsageUpdate } from './model';
import type { Words } from './words';

/** A usage group or a budget, as the counter shows it. */
export interface Line {
  name: string;
  text: string;
  level: Level;
  /** Which part of the limit is used; null where there is none. */
  share: number | null;
  /** What its tooltip says at this moment. */
  rows: () => Row[];
}

/** A selected model that reasons. */
export interface Choice {
  id: string;
  name: string;
  effort: Effort | null;
  /** What there is to choose from. */
  efforts: readonly Effort[];
}

/** What the page knows: facts, and what follows from them. */
export class UsageState {
  groups: Groups = $state.raw(new Map());
  budgets: readonly Budget[] = $state.raw([]);
  models: Models = $state.raw(new Map());
  /** Ids of the models that the chat on screen will use. */
  selected: readonly string[] = $state.raw([]);
  /** The page's language, a BCP 47 tag: how numbers are written. */
  language: string = $state.raw('');
  words: Words = $state.raw({} as Words);
  #chosen: ReadonlyMap<string, Effort> = $state.raw(new Map());
  readonly #storage: Storage;

  readonly lines: Line[] = $derived.by(() => {
    const { language, words } = this;
    return groupsOf(this.selected, this.groups, this.models).map(([name, group]) => {
      const amounts = { used: group.usage.total, limit: group.limit };
      return {
        name,
        text: usageText(group, language),
        level: levelOf(amounts),
        share: group.limit === null ? null : shareOf(amounts),
        rows: () => groupRows(group, language, words, Date.now()),
      };
    });
  });

  /** The tightest of the budgets that bind whoever is signed in. */
  readonly budget: Line | null = $derived.by(() => {
    const { language, words } = this;
    const budget = tightestOf(this.selected, this.budgets, this.groups, this.models);
    return (
      budget && {
        name: budget.name,
        text: budgetText(budget, language, words),
        level: levelOf(budget),
        share: shareOf(budget),
        rows: () => budgetRows(budget, language, words, Date.now()),
      }
    );
  });

  readonly reasoners: Choice[] = $derived(
    this.selected
      .filter((id) => this.models.get(id)?.effort)
      .map((id) => ({
        id,
        name: this.models.get(id)?.name ?? id,
        effort: this.effortOf(id),
        efforts: this.models.get(id)?.efforts ?? [],
      })),
  );

  constructor(storage: Storage = localStorage) {
    this.#storage = storage;
    this.#chosen = readEfforts(storage);
  }

  /** The effort that the menu shows for `id`: what was chosen, where the model still has it; null for a model without a choice. */
  effortOf(id: string): Effort | null {
    const model = this.models.get(id);
    const chosen = this.#chosen.get(id);
    return chosen && model?.efforts?.includes(chosen) ? chosen : (model?.effort ?? null);
  }

  /** The effort that a request to `id` says; null where nothing is said, for nobody has chosen. */
  sentEffortOf(id: string): Effort | null {
    const effort = this.effortOf(id);
    return effort === 'default' && this.#chosen.get(id) !== effort ? null : effort;
  }

  /** Sets the effort of a model that reasons. */
  choose(effort: Effort, id: string): void {
    this.#chosen = chooseEffort(this.#storage, id, effort);
  }

  /** Another tab has stored something. */
  stored(key: string | null): void {
    if (key === EFFORTS_KEY || key === null) this.#chosen = readEfforts(this.#storage);
  }

  /** Takes over what changed. */
  merge({ groups, budgets }: UsageUpdate): void {
    const merged = new Map(this.groups);
    for (const [name, group] of groups) {
      if (group) merged.set(name, group);
      else merged.delete(name);
    }
    this.groups = merged;
    if (budgets) this.budgets = budgets;
  }

  /** Takes over all there is. */
  replace(update: UsageUpdate): void {
    this.groups = new Map();
    this.merge(update);
  }

  clear(): void {
    this.groups = new Map();
    this.budgets = [];
    this.models = new Map();
  }
}
