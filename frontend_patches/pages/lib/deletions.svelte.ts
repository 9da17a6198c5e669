/**
 * Deletions that can be taken back for a while. The server is told only then: until it is, what is to go counts and limits
 * as before, so that nothing is lost and nothing counted wrongly where somebody takes it back.
 */
import { SvelteSet } from 'svelte/reactivity';
import { ApiError } from './api';
import { toast, toasts, WITH_UNDO } from './toasts.svelte';

interface Pending {
  send: () => Promise<unknown>;
  settled: () => void;
  timer: ReturnType<typeof setTimeout>;
  /** The toast that offers to take it back. */
  news: number;
}

class Deletions {
  readonly #pending = new Map<string, Pending>();
  /** What is no longer shown: it is gone, or about to be. */
  readonly #hidden = new SvelteSet<string>();

  constructor() {
    // Whoever leaves takes nothing back any more.
    addEventListener('pagehide', () => void this.sendAll());
  }

  isHidden = (key: string): boolean => this.#hidden.has(key);

  /** Hides what `key` stands for, and has `send` delete it later. `settled` is called once it is gone, or still there. */
  later(key: string, text: string, send: () => Promise<unknown>, settled: () => void): void {
    const timer = setTimeout(() => void this.#send(key), WITH_UNDO);
    const news = toasts.add(text, { undo: () => this.#takeBack(key) });
    this.#pending.set(key, { send, settled, timer, news });
    this.#hidden.add(key);
  }

  /** Deletes at once what waits. To be awaited before anything is created: it may have the same name. */
  async sendAll(): Promise<void> {
    await Promise.all([...this.#pending.keys()].map((key) => this.#send(key)));
  }

  /** There is one of that name again. */
  show(key: string): void {
    this.#hidden.delete(key);
  }

  #takeBack(key: string): void {
    clearTimeout(this.#pending.get(key)?.timer);
    this.#pending.delete(key);
    this.show(key);
  }

  async #send(key: string): Promise<void> {
    const pending = this.#pending.get(key);
    if (!pending) return;
    clearTimeout(pending.timer);
    this.#pending.delete(key);
    toasts.close(pending.news);
    try {
      await pending.send();
    } catch (error) {
      // What somebody else has deleted meanwhile is gone all the same.
      if (!(error instanceof ApiError && error.trouble === 'missing')) {
        this.show(key);
        toast(error instanceof Error ? error.message : String(error), { level: 'full' });
      }
    }
    pending.settled();
  }
}

export const deletions = new Deletions();
