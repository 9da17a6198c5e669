import { loadGroups, loadPage, type Changes, type Refusal } from './api';
import type { UsageState } from './state.svelte';

export const POLL = 3000; // ms

/** Keeps `state` up to date: one request for each login, events while they arrive, a question every 3 s where they cannot. */
export class Live {
  #token = '';
  #status: 'idle' | 'loading' | 'ready' | Refusal = 'idle';
  #timer: ReturnType<typeof setInterval> | undefined;
  #overtaken = false;
  readonly #state: UsageState;
  readonly #eventsArrive: () => boolean;
  readonly #redraw: () => void;

  /** `redraw` is called after each change of what there is to show. */
  constructor(state: UsageState, eventsArrive: () => boolean, redraw: () => void) {
    this.#state = state;
    this.#eventsArrive = eventsArrive;
    this.#redraw = redraw;
  }

  /** Whether the server has told what there is to show. */
  get ready(): boolean {
    return this.#status === 'ready';
  }

  /** Whether there is, or may soon be, something to show. */
  get expected(): boolean {
    return this.#token !== '' && this.#status !== 'absent' && this.#status !== 'login';
  }

  /** Tells who is signed in now; '' for nobody. Cheap when nothing has changed. */
  login(token: string): void {
    if (token === this.#token) return;
    this.#token = token;
    this.#status = 'idle';
    if (token) void this.#load();
    else {
      this.#state.clear();
      this.#schedule();
    }
  }

  changed(groups: Changes): void {
    if (!this.ready) {
      this.#overtaken = true; // the answer on its way may be older
      return;
    }
    this.#state.merge(groups);
    this.#redraw();
  }

  /** Asks for groups and models again. */
  async reload(): Promise<void> {
    if (this.ready) await this.#load();
  }

  /** Asks for all groups again, e.g. after events may have been missed. */
  async refresh(): Promise<void> {
    const token = this.#token;
    if (!this.ready) return;
    const answer = await loadGroups(token);
    if (token !== this.#token) return;
    if (typeof answer === 'string') {
      if (answer !== 'trouble') this.#refused(answer);
      return;
    }
    this.#state.replace(answer);
    this.#redraw();
  }

  /** The tab is seen again, or no longer. */
  visible(): void {
    this.#schedule();
  }

  async #load(): Promise<void> {
    const token = this.#token;
    if (!this.ready) this.#status = 'loading';
    this.#overtaken = false;
    const answer = await loadPage(token);
    if (token !== this.#token || (answer === 'trouble' && this.ready)) return;
    if (typeof answer === 'string') return this.#refused(answer);
    this.#state.models = answer.models;
    this.#state.replace(answer.groups);
    this.#status = 'ready';
    this.#redraw();
    this.#schedule();
    if (this.#overtaken) void this.refresh();
  }

  #refused(why: Refusal): void {
    this.#status = why;
    this.#state.clear();
    this.#redraw();
    this.#schedule();
  }

  /** Ticks only while somebody looks and there is something to ask for. */
  #schedule(): void {
    clearInterval(this.#timer);
    if (document.hidden || (this.#status !== 'ready' && this.#status !== 'trouble')) return;
    this.#timer = setInterval(() => {
      if (this.#status === 'trouble') void this.#load();
      else if (!this.#eventsArrive()) void this.refresh();
    }, POLL);
  }
}
