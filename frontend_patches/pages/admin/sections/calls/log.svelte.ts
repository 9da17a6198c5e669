/** A list of calls, a page after the other, by where the last page ended. */
import type { components } from '../../../../src/openapi';
import { ApiError, get, isAbort, type Options } from '../../../lib/api';

export type Call = components['schemas']['UsageCall'];
export type CallsQuery = NonNullable<Options<'get', '/api/usage/calls'>['query']>;

/** On a page. */
const STEP = 100;

/** To be made while a component is; `query` reads reactive values, and the list begins anew when they change. */
export class CallLog {
  calls: Call[] | undefined = $state.raw();
  error: ApiError | undefined = $state.raw();
  busy = $state(true);
  #next: string | null = $state(null);
  #round = $state(0);
  #abort = new AbortController();
  #query: CallsQuery = {};

  constructor(query: () => CallsQuery) {
    $effect(() => {
      void this.#round;
      this.#query = query();
      this.#abort = new AbortController();
      void this.#load(this.#abort.signal, undefined);
      return () => this.#abort.abort();
    });
  }

  /** Whether there are older ones. */
  get isMore(): boolean {
    return this.#next !== null;
  }

  /** Asks for the next page. */
  more = (): void => {
    if (!this.busy && this.#next !== null) void this.#load(this.#abort.signal, this.#next);
  };

  /** Begins anew. */
  reload = (): void => {
    this.#round += 1;
  };

  async #load(signal: AbortSignal, before: string | undefined): Promise<void> {
    this.busy = true;
    try {
      const query = { ...this.#query, limit: STEP, ...(before !== undefined && { before }) };
      const page = await get('/api/usage/calls', { query, signal });
      if (signal.aborted) return;
      this.calls = before === undefined ? page.calls : [...(this.calls ?? []), ...page.calls];
      this.#next = page.next;
      this.error = undefined;
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      this.error = error instanceof ApiError ? error : new ApiError('server', String(error));
    }
    this.busy = false;
  }
}
