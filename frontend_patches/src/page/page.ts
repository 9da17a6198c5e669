import { mount } from 'svelte';
import ReasoningEffort from '../components/ReasoningEffort.svelte';
import UsageCounter from '../components/UsageCounter.svelte';
import { Live } from '../live';
import { UsageState } from '../state.svelte';
import { inputBox, makeRoom, placeAbove, placeInRow } from './places';
import { addToRequests } from './request';
import { selectedModels, shownNames } from './selection';
import { tapSocket } from './socket';
import { adoptStyles } from './styles';

/** Remembers a server without groups, so that no room is kept above the input for lines that never come. */
const NO_GROUPS_KEY = 'openwebuiUsageNoGroups';

/** So long, in milliseconds, may the selector show what is no model: while the page loads it is "Select a model". */
const DOUBT = 3000;

function host(part: string): HTMLElement {
  const element = document.createElement('div');
  element.dataset['usagePart'] = part;
  return element;
}

/** Our two components in Open WebUI's page: puts them in their places again whenever it redraws, and tells them what it shows. */
export class Page {
  readonly #wanted: () => boolean;
  readonly #state = new UsageState();
  readonly #live: Live;
  readonly #counter = host('counter');
  readonly #effort = host('effort');
  readonly #observer = new MutationObserver(() => this.#changed());
  readonly #resized = new ResizeObserver(() => this.#makeRoom());
  readonly #strangers = new Set<string>();
  #doubt: ReturnType<typeof setTimeout> | undefined;
  #room = true;
  #frame = 0;

  /** `wanted` turns false when somebody else draws the components. */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted;
    const eventsArrive = tapSocket({
      changed: (groups) => this.#live.changed(groups),
      reconnected: () => void this.#live.refresh(),
    });
    this.#live = new Live(this.#state, eventsArrive, () => this.#update());
  }

  start(): void {
    const state = this.#state;
    adoptStyles();
    addToRequests((model) => state.effortOf(model));
    mount(UsageCounter, {
      target: this.#counter,
      props: {
        get lines() {
          return state.lines;
        },
      },
    });
    if (this.#counter.firstElementChild) this.#resized.observe(this.#counter.firstElementChild);
    mount(ReasoningEffort, {
      target: this.#effort,
      props: {
        get effort() {
          return state.effort;
        },
        onchoose: (effort) => state.choose(effort),
      },
    });
    addEventListener('storage', ({ key }) => {
      state.stored(key);
      this.#schedule();
    });
    document.addEventListener('visibilitychange', () => this.#live.visible());
    // Text too: the model selector changes its name in place.
    this.#observer.observe(document, { childList: true, subtree: true, characterData: true });
    this.#update();
  }

  #changed(): void {
    // At once where the input has just been drawn, so that it is first painted with its neighbours; else once a frame.
    if (!this.#counter.isConnected && inputBox()) this.#update();
    else this.#schedule();
  }

  #schedule(): void {
    this.#frame ||= requestAnimationFrame(() => this.#update());
  }

  #update(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#wanted()) return this.#leave();

    this.#live.login(localStorage.getItem('token') ?? '');
    const box = inputBox();
    if (!box || !this.#live.expected) {
      this.#counter.remove();
      this.#effort.remove();
      return;
    }
    this.#state.language = document.documentElement.lang;
    if (this.#live.ready) this.#select();
    this.#placeCounter(box);
    if (this.#state.reasoners.length) placeInRow(this.#effort, box);
    else this.#effort.remove();
  }

  #select(): void {
    const selected = selectedModels(this.#state.models);
    if (selected.join('\n') !== this.#state.selected.join('\n')) this.#state.selected = selected;
    clearTimeout(this.#doubt);
    if (!selected.length) this.#doubt = setTimeout(() => this.#ask(), DOUBT);
  }

  /** A model that has come since: asks for the models again, once for each name. */
  #ask(): void {
    const stranger = shownNames().find((name) => !this.#strangers.has(name));
    if (!stranger) return;
    this.#strangers.add(stranger);
    void this.#live.reload();
  }

  #placeCounter(box: HTMLElement): void {
    if (this.#live.ready) {
      if (this.#state.groups.size) localStorage.removeItem(NO_GROUPS_KEY);
      else localStorage.setItem(NO_GROUPS_KEY, '1');
    }
    if (this.#counter.isConnected && this.#counter.nextElementSibling === box) return;
    this.#room = !localStorage.getItem(NO_GROUPS_KEY);
    placeAbove(this.#counter, box, this.#room);
    this.#makeRoom();
  }

  #makeRoom(): void {
    const { firstElementChild: lines, nextElementSibling: box } = this.#counter;
    if (this.#room && lines && box)
      makeRoom(this.#counter, box as HTMLElement, (lines as HTMLElement).offsetHeight);
  }

  #leave(): void {
    this.#observer.disconnect();
    this.#resized.disconnect();
    this.#live.login('');
    this.#counter.remove();
    this.#effort.remove();
  }
}
