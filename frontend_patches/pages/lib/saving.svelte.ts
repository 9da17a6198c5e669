/** A form on its way to the server: what is wrong stands beside its field, in the server's words. */
import { ApiError } from './api';

export class Saving {
  busy = $state(false);
  error: ApiError | undefined = $state.raw();

  /** Returns what `work` does, or undefined where the server refuses it. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    this.busy = true;
    this.error = undefined;
    try {
      return await work();
    } catch (error) {
      this.error = error instanceof ApiError ? error : new ApiError('server', String(error));
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  /** What is wrong with a field, or with a part of it. */
  field(name: string): string | undefined {
    const fields = this.#fields();
    const place = Object.keys(fields).find((each) => each === name || each.startsWith(`${name}.`));
    return place === undefined ? undefined : fields[place];
  }

  /** What is wrong, where none of the fields `shown` says it. */
  rest(shown: readonly string[]): ApiError | undefined {
    return this.error && shown.some((name) => this.field(name) !== undefined) ? undefined : this.error;
  }

  /** A name that is taken is told in a sentence that begins with the field. */
  #fields(): Readonly<Record<string, string>> {
    const { error } = this;
    const [, field, text] = (error?.trouble === 'conflict' && /^(\w+): (.+)$/s.exec(error.message)) || [];
    return field && text ? { [field]: text } : (error?.fields ?? {});
  }
}
