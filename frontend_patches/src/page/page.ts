import { mount } from 'svelte';
import ReasoningEffort from '../components/ReasoningEffort.svelte';
import UsageCounter from '../components/UsageCounter.svelte';
import { Live } from '../live';
import { reserveSpace, rememberSpace, restoreSpace } from '../reserved_space';
import { UsageState } from '../state.svelte';
import { inputBox, placeInRow } from './places';
import { addToRequests } from './request';
import { selectedModels, shownNames } from './selection';
import { tapSocket } from './socket';
import { adoptStyles } from './styles';

/** So long, in milliseconds, may the selector show what is no model: while the page loads it is "Select a model". */
const DOUBT = 3000;

/** An element of ours in the page. Of the counter's, `src/advice`, which is loaded later, reads the state. */
export interface Host extends HTMLElement {
  state?: UsageState;
}

function host(part: string): Host {
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
  readonly #resized = new ResizeObserver(() => this.#reserveSpace());
  readonly #unknownModels = new Set<string>();
  #doubt: ReturnType<typeof setTimeout> | undefined;
  #reservesSpace = true;
  #frame = 0;

  /** `wanted` turns false when somebody else draws the components. */
  constructor(wanted: () => boolean) {
    this.#wanted = wanted;
    const eventsArrive = tapSocket({
      changed: (payload) => this.#live.changed(payload),
      missed: () => this.#live.missed(),
    });
    this.#live = new Live(this.#state, eventsArrive, () => {
      this.#update();
      this.#reserveSpace(); // of nothing nothing is resized
    });
  }

  start(): void {
    const state = (this.#counter.state = this.#state);
    adoptStyles();
    addToRequests((model) => state.sentEffortOf(model));
    mount(UsageCounter, {
      target: this.#counter,
      props: {
        get lines() {
          return state.lines;
        },
        get budget() {
          return state.budget;
        },
        get words() {
          return state.words;
        },
      },
    });
    if (this.#counter.firstElementChild) this.#resized.observe(this.#counter.firstElementChild);
    mount(ReasoningEffort, {
      target: this.#effort,
      props: {
        get choices() {
          return state.reasoners;
        },
        get words() {
          return state.words;
        },
        onchoose: (effort, id) => state.choose(effort, id),
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

    const box = inputBox();
    this.#live.login(localStorage.getItem('token') ?? '', this.#language(box !== null));
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

  /** The page says its language once it is drawn; until then it is the one that was chosen last. */
  #language(drawn: boolean): string {
    const { lang } = document.documentElement;
    return (drawn && lang) || (localStorage.getItem('locale') ?? navigator.language);
  }

  #select(): void {
    const selected = selectedModels(this.#state.models);
    if (selected.join('\n') !== this.#state.selected.join('\n')) this.#state.selected = selected;
    clearTimeout(this.#doubt);
    if (!selected.length) this.#doubt = setTimeout(() => this.#ask(), DOUBT);
  }

  /** A model that has come since: asks for the models again, once for each name. */
  #ask(): void {
    const unknownModel = shownNames().find((name) => !this.#unknownModels.has(name));
    if (!unknownModel) return;
    this.#unknownModels.add(unknownModel);
    void this.#live.reload();
  }

  #placeCounter(box: HTMLElement): void {
    if (this.#counter.isConnected && this.#counter.nextElementSibling === box) return;
    box.before(this.#counter);
    this.#reservesSpace = restoreSpace(this.#counter);
    this.#reserveSpace();
  }

  #reserveSpace(): void {
    const { firstElementChild: lines, nextElementSibling: box } = this.#counter;
    if (!this.#live.ready || !lines || !box) return;
    const { offsetHeight: height } = lines as HTMLElement;
    if (this.#reservesSpace) reserveSpace(this.#counter, box as HTMLElement, height);
    rememberSpace(height, this.#state.groups.size + this.#state.budgets.length > 0);
  }

  #leave(): void {
    this.#observer.disconnect();
    this.#resized.disconnect();
    this.#live.login('', '');
    this.#counter.remove();
    this.#effort.remove();
  }
}
