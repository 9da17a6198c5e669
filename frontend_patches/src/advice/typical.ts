import type { components } from '../openapi';

/** What answers usually use, by the ids that providers are asked for. */
export type Typical = components['schemas']['TypicalUsage'];
export type TypicalModel = components['schemas']['TypicalModelUse'];
export type TypicalEffort = components['schemas']['TypicalEffortUse'];

/** So long, in ms, is a table as good as new: the server looks into its ledger no more often. */
const FRESH = 300_000;

/** The server's table, asked for when it is needed and at most every few minutes, whatever is typed meanwhile. */
export class Table {
  #known: Typical | null = null;
  #askedAt = -Infinity;
  #token = '';
  readonly #arrived: () => void;

  /** `arrived` is called when there is a new one. */
  constructor(arrived: () => void) {
    this.#arrived = arrived;
  }

  /** What is known now; null where nothing is to be said, or not yet. */
  get(): Typical | null {
    const token = localStorage.getItem('token') ?? '';
    if (token !== this.#token) this.#known = null; // somebody else has signed in
    if (token !== this.#token || performance.now() - this.#askedAt >= FRESH) {
      this.#token = token;
      this.#askedAt = performance.now();
      if (token) void this.#ask(token);
    }
    return this.#known?.shown ? this.#known : null;
  }

  async #ask(token: string): Promise<void> {
    try {
      const response = await fetch('/api/usage/typical', {
        credentials: 'same-origin',
        headers: { Accept: 'application/json', Authorization: `Bearer ${token}` },
      });
      if (!response.ok) return;
      const answer = (await response.json()) as Typical;
      if (token !== this.#token) return;
      this.#known = answer;
      this.#arrived();
    } catch {
      // The network, or no JSON: what was known stays, and the next time is in a few minutes.
    }
  }
}
