/**
 * Adds to the effort menu what a level usually uses, and to the counter's tooltips what the message that is being written
 * will probably use, whether it still fits, and whether the limit is an exception; to the model menu, which models have
 * reached a limit. Loaded when somebody first turns to one of them.
 *
 * It adds from outside, so that a fault in here leaves them as they are.
 */
import { place } from '../components/place';
import { groupsOf, tightestOf } from '../matching';
import type { Models } from '../model';
import type { Host } from '../page/page';
import type { UsageState } from '../state.svelte';
import { claimOnBudget, claimOnGroup, effortOf, expected, type Asked } from './expected';
import { adviseModels, OPENERS, STYLES as MODEL_STYLES } from './models';
import { promptTokens } from './prompt';
import { reachableGroup, reachedOf } from './reached';
import { Say } from './say';
import { Table, type Typical } from './typical';

const LIST = 'openwebui-usage-effort-list';
const TIP = 'openwebui-usage-tip';
const MARK = 'usageAdvice';

/** The text is not in the option itself, which is called "High" and nothing more. */
const STYLES = `
#${LIST} { max-width: min(22rem, calc(100vw - 8px)) }
#${LIST} [data-usage-advice] { flex-wrap: wrap; row-gap: 0; height: auto; padding-block: .3125rem }
#${LIST} [data-usage-advice]::after { flex-basis: 100%; padding-inline-start: 1.375rem; font-size: .6875rem;
  line-height: 1rem; color: var(--color-gray-500, #9b9b9b); content: attr(data-usage-advice); content: attr(data-usage-advice) / "" }
html:not(.dark) #${LIST} [data-usage-advice]::after { color: var(--color-gray-600, #676767) }
html.dark #${LIST} [data-usage-advice]::after { color: var(--color-gray-400, #b4b4b4) }
html.high-contrast #${LIST} [data-usage-advice]::after { color: inherit }
`;

const asked = (state: UsageState, id: string): Asked => {
  const effort = state.sentEffortOf(id);
  return { id: calledId(id, state.models), effort: effort && effort !== 'default' ? effort : '' };
};

const calledId = (id: string, models: Models): string => models.get(id)?.base ?? id;

/** Says of each level what it usually uses; nothing of a model of which nothing is known. */
function adviseMenu(list: HTMLElement, state: UsageState, typical: Typical, say: Say): void {
  const options = list.querySelectorAll<HTMLElement>('[role=option]');
  let index = 0;
  for (const choice of state.reasoners) {
    const id = calledId(choice.id, state.models);
    const of = (effort: string) => effortOf(typical, { id, effort: effort === 'default' ? '' : effort });
    const isKnown = choice.efforts.some(of);
    const usual = (['medium', 'default', 'low'] as const).find(
      (effort) => choice.efforts.includes(effort) && of(effort),
    );
    const known = usual && of(usual);
    for (const effort of choice.efforts) {
      const option = options[index++];
      if (!option || !isKnown) continue;
      const text = say.level(of(effort), known ? { name: state.words[usual], known } : null);
      if (option.dataset[MARK] === text) continue;
      option.dataset[MARK] = text;
      option.setAttribute('aria-description', text);
    }
  }
}

/** The rows for the tooltip of one line of the counter, whose label is `label`. */
function rowsFor(label: string, state: UsageState, typical: Typical, say: Say): [string, string][] {
  const { selected, groups, budgets, models } = state;
  const prompt = promptTokens();
  const isBudget = label === `${state.budget?.name}: ${state.budget?.text}`;
  const budget = isBudget ? tightestOf(selected, budgets, groups, models) : null;
  const name = state.lines.find((line) => label === `${line.name}: ${line.text}`)?.name;
  const counted = selected.filter((id) =>
    budget
      ? tightestOf([id], [budget], groups, models) !== null
      : groupsOf([id], groups, models).some(([each]) => each === name),
  );
  const reason = budget && budget.limit_from !== 'budget' ? budget.limit_from : null;
  const exception: [string, string][] = reason ? [[say.words.limit, say.words[reason]]] : [];
  if (!counted.length) return exception;

  const use = expected(
    typical,
    counted.map((id) => asked(state, id)),
    prompt,
  );
  const texts = say.amounts(use);
  const group = groups.get(name ?? '');
  const claim =
    use && (budget ? claimOnBudget(budget, use, counted.length) : group ? claimOnGroup(group, use) : null);
  if (claim) texts.push(say.fit(claim));
  const advice = texts.map((text, index): [string, string] => [index ? '' : say.words.message, text]);
  return [...exception, ...advice];
}

/** The row that says what a limit that is reached does, in the tooltip of the line whose label is `label`. */
function reachedRow(label: string, state: UsageState, say: Say): [string, string] | null {
  const { selected, groups, budgets, models } = state;
  const isBudget = label === `${state.budget?.name}: ${state.budget?.text}`;
  const budget = isBudget ? tightestOf(selected, budgets, groups, models) : null;
  const group = groups.get(state.lines.find((line) => label === `${line.name}: ${line.text}`)?.name ?? '');
  const limit = budget ?? (group && reachableGroup(group));
  const reached = limit && reachedOf(limit, selected);
  if (reached?.is === 'fallback' && reached.model)
    reached.model = models.get(reached.model)?.name ?? reached.model;
  return reached ? [say.words.reached, say.reached(reached)] : null;
}

function adviseTip(tip: HTMLElement, state: UsageState, typical: Typical | null, say: Say): void {
  const line = tip.previousElementSibling;
  const title = tip.firstElementChild;
  if (!line || !title || tip.querySelector('[data-usage-advice]')) return;
  const label = line.getAttribute('aria-label') ?? '';
  const reached = reachedRow(label, state, say);
  const rows = [...(reached ? [reached] : []), ...(typical ? rowsFor(label, state, typical, say) : [])];
  const spans = rows.flatMap((row) =>
    row.map((text) => {
      const span = Object.assign(document.createElement('span'), { textContent: text });
      span.dataset[MARK] = '';
      return span;
    }),
  );
  if (!spans.length) return;
  title.after(...spans);
  place(tip, line, 'tooltip'); // it is higher now
}

function start(): void {
  const counter = document.querySelector<Host>('[data-usage-part=counter]');
  const state = counter?.state;
  if (!counter || !state) return;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLES + MODEL_STYLES);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  let observing = true;
  const look = () => {
    try {
      const list = document.getElementById(LIST);
      const tip = counter.getElementsByClassName(TIP)[0];
      if (!list && !tip) return;
      const typical = table.get();
      const say = new Say(state.language);
      if (list && typical) {
        adviseMenu(list, state, typical, say);
        const button = list.previousElementSibling;
        if (button) place(list, button, 'list');
      }
      if (tip instanceof HTMLElement) adviseTip(tip, state, typical, say);
    } catch (error) {
      observing = false;
      observer.disconnect();
      console.debug('openwebui-usage gives no more advice:', error);
    }
  };
  const observer = new MutationObserver(look);
  const table = new Table(look);
  // Watched from when somebody turns to what opens the menu until it has been closed again.
  let wasOpen = false;
  const lookAtModels = () => {
    try {
      const isOpen = adviseModels(state, new Say(state.language));
      if (wasOpen && !isOpen) menus.disconnect();
      else menus.observe(document.body, { childList: true, subtree: true });
      wasOpen = isOpen;
    } catch (error) {
      menus.disconnect();
      console.debug('openwebui-usage marks no more models:', error);
    }
  };
  const menus = new MutationObserver(lookAtModels);
  const observe = (part: Node) => observer.observe(part, { childList: true, subtree: true });
  observe(counter);
  // The menu comes into the page when a model that reasons is chosen; it opens only to somebody who has turned to it.
  const turned = ({ target }: Event) => {
    if (!(target instanceof Element) || !observing) return;
    const effort = target.closest('[data-usage-part=effort]');
    if (effort) observe(effort);
    if (target.closest(OPENERS)) lookAtModels();
  };
  for (const type of ['pointerover', 'focusin']) document.addEventListener(type, turned, { passive: true });
  const effort = document.querySelector('[data-usage-part=effort]');
  if (effort) observe(effort);
  look();
  if (document.querySelector(`${OPENERS}:is(:hover, :focus)`)) lookAtModels();
}

start();
