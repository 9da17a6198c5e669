import { loadUsageUpdate, loadPage, type Refusal } from './api';
import { readUsageUpdate } from './model';
import type { UsageState } from './state.svelte';
import { primary } from './words';

export const POLL = 3000; // ms

/**
 * Keeps `state` up to date: one request for each login, events while they arrive, a question every 3 s where they cannot,
 * and nothing at all while nobody looks at the page.
 */
export class Live {
  #token = '';
  #language = '';
  #status: 'idle' | 'loading' | 'ready' | Refusal = 'idle';
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Something was missed: the answer on its way may be older, or nobody looked. */
  #stale = false;
  #asking = false;
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

  /** Tells who is signed in now, '' for nobody, and which language they read, a BCP 47 tag. Cheap when nothing has changed. */
  login(token: string, language: string): void {
    const translated = primary(language) === primary(this.#language);
    if (token === this.#token && translated) return;
    const same = token === this.#token;
    if (same && !this.ready) return; // one thing after the other
    this.#token = token;
    this.#language = language;
    if (!same) this.#status = 'idle';
    if (token) void this.#load();
    else {
      this.#state.clear();
      this.#schedule();
    }
  }

  /** Takes the payload of the event `usage`. */
  changed(payload: Record<string, unknown>): void {
    this.#stale ||= this.#asking || document.hidden;
    if (!this.ready || document.hidden) return;
    this.#state.merge(readUsageUpdate(payload));
    this.#redraw();
  }

  /** Events may have been missed. */
  missed(): void {
    this.#stale = true;
    this.#catchUp();
  }

  /** Asks for everything again, models too. */
  async reload(): Promise<void> {
    if (this.ready) await this.#load();
  }

  /** The tab is seen again, or no longer. */
  visible(): void {
    this.#schedule();
    this.#stale ||= !this.#eventsArrive();
    this.#catchUp();
  }

  #catchUp(): void {
    if (this.#stale && this.ready && !document.hidden) void this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (this.#asking) return;
    const token = this.#token;
    const answer = await this.#ask(() => loadUsageUpdate(token));
    if (token !== this.#token) return;
    if (answer === 'trouble') this.#stale = true;
    else if (typeof answer === 'string') this.#refused(answer);
    else {
      this.#state.replace(answer);
      this.#redraw();
      this.#catchUp();
    }
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    this.#stale = false;
    this.#asking = true;
    try {
      return await question();
    } finally {
      this.#asking = false;
    }
  }

  async #load(): Promise<void> {
    const token = this.#token;
    if (!this.ready) this.#status = 'loading';
    const answer = await this.#ask(() => loadPage(token, this.#language));
    if (token !== this.#token || (answer === 'trouble' && this.ready)) return;
    if (typeof answer === 'string') return this.#refused(answer);
    this.#state.models = answer.models;
    this.#state.words = answer.words;
    this.#state.replace(answer);
    this.#status = 'ready';
    this.#redraw();
    this.#schedule();
    this.#catchUp();
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
      if (this.#asking) return; // a slow network
      if (this.#status === 'trouble') void this.#load();
      else if (this.#stale || !this.#eventsArrive()) void this.#refresh();
    }, POLL);
  }
}
