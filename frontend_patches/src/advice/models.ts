/** Which models have reached a limit, told where one chooses them: in Open WebUI's model menu, and on what opens it. */
import { groupsOf, tightestOf } from '../matching';
import type { UsageState } from '../state.svelte';
import { reachableGroup, reachedOf, type Reached } from './reached';
import type { Say } from './say';

/** What opens a model menu, by ids that all versions share. */
export const OPENERS = '[id^=model-selector-][id$=-button]';
/** A model in an open menu; the value is its id. */
const ITEMS = 'button[data-value]';
const MARK = 'usageLimit';

export const STYLES = `
${ITEMS}[data-usage-limit]::after { content: ''; flex: none; width: .375rem; height: .375rem; margin-inline-start: .5rem;
  border-radius: 50%; background: #dc2626 }
${ITEMS}[data-usage-limit=other]::after { background: #d97706 }
html.dark ${ITEMS}[data-usage-limit]::after { background: #f87171 }
html.dark ${ITEMS}[data-usage-limit=other]::after { background: #fbbf24 }
`;

const ORDER = ['blocked', 'fallback', 'slow'];
const until = (reached: Reached): number =>
  reached.is === 'blocked' ? (reached.until === null ? Infinity : Date.parse(reached.until)) : 0;

/** What the limits that count `ids` do to the next message, the worst of it; null where it is answered as ever. */
export function worstOf(ids: readonly string[], { groups, budgets, models }: UsageState): Reached | null {
  const limits = [
    ...groupsOf(ids, groups, models).map(([, group]) => reachableGroup(group)),
    ...budgets.filter((budget) => tightestOf(ids, [budget], groups, models)),
  ];
  const found = limits.map((limit) => reachedOf(limit, ids)).filter((reached) => reached !== null);
  const [worst] = found.sort(
    (one, two) => ORDER.indexOf(one.is) - ORDER.indexOf(two.is) || until(two) - until(one),
  );
  if (worst?.is === 'fallback' && worst.model) worst.model = models.get(worst.model)?.name ?? worst.model;
  return worst ?? null;
}

function mark(element: HTMLElement, reached: Reached | null, say: Say): void {
  const isOurs = element.dataset[MARK] !== undefined;
  if (!reached) {
    if (!isOurs) return;
    delete element.dataset[MARK];
    for (const name of ['title', 'aria-description']) element.removeAttribute(name);
    return;
  }
  if (!isOurs && element.title) return; // A later version of Open WebUI says something there itself.
  const text = `${say.words.reached}${reached.is === 'blocked' ? '' : ':'} ${say.reached(reached)}`;
  if (element.title === text) return;
  element.dataset[MARK] = reached.is === 'blocked' ? 'blocked' : 'other';
  element.title = text;
  element.setAttribute('aria-description', text);
}

/** Marks what is on screen. Whether a menu is open. */
export function adviseModels(state: UsageState, say: Say): boolean {
  for (const opener of document.querySelectorAll<HTMLElement>(OPENERS))
    mark(opener, worstOf(state.selected, state), say);
  let isOpen = false;
  for (const item of document.querySelectorAll<HTMLElement>(ITEMS)) {
    const id = item.dataset['value'] ?? '';
    if (!state.models.has(id)) continue;
    isOpen = true;
    mark(item, worstOf([id], state), say);
  }
  return isOpen;
}
