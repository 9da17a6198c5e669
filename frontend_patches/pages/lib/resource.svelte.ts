import { untrack } from 'svelte';
import { ApiError, isAbort } from './api';

/**
 * Something of the server's, asked for again whenever what it depends on changes. To be made while a component is.
 *
 *     const report = new Resource((signal) => get('/api/usage/reports', { query: params.query, signal }));
 *     report.value   // the last answer, also while the next one is on its way; undefined before the first
 *     report.error   // why there is none
 *     report.busy    // whether one is on its way
 *
 * `load` reads reactive values before its first `await`: those it depends on.
 */
export class Resource<T> {
  value: T | undefined = $state.raw();
  error: ApiError | undefined = $state.raw();
  busy = $state(true);
  #round = $state(0);
  #keepsValue = false;
  /** Something changed while an answer was on its way, which may be older. */
  #again = false;

  constructor(load: (signal: AbortSignal) => Promise<T>) {
    $effect(() => {
      void this.#round;
      const abort = new AbortController();
      this.busy = true;
      const quiet = this.#keepsValue;
      this.#keepsValue = false;
      load(abort.signal).then(
        (value) => {
          if (abort.signal.aborted) return;
          this.value = value;
          this.error = undefined;
          this.#done();
        },
        (error: unknown) => {
          if (abort.signal.aborted || isAbort(error)) return;
          this.#done();
          // A refresh that nobody asked for takes nothing away.
          if (quiet && this.value !== undefined) return;
          this.error = error instanceof ApiError ? error : new ApiError('server', String(error));
        },
      );
      return () => abort.abort();
    });
  }

  /** Asks again. */
  reload = (): void => untrack(() => void (this.#round += 1));

  /** Asks again because something may have changed; a failure is not shown while there is an answer to show. */
  refresh = (): void =>
    untrack(() => {
      this.#again = this.busy;
      if (this.busy) return;
      this.#keepsValue = true;
      this.#round += 1;
    });

  #done(): void {
    this.busy = false;
    if (this.#again) this.refresh();
  }
}
