import { untrack } from 'svelte';
import { socket, user } from '$lib/stores';
import { Live } from '../live';
import { isRecord } from '../model';
import { reasoningFor } from '../reasoning';
import { rememberSpace } from '../reserved_space';
import { UsageState } from '../state.svelte';

type Socket = NonNullable<Parameters<Parameters<typeof socket.subscribe>[0]>[0]>;

/** The one state of the page, kept up to date through Open WebUI's own socket from when the first chat is shown. */
class Usage {
  readonly state = new UsageState();
  /** Whether there is, or may soon be, something to show. */
  expected: boolean = $state.raw(false);
  /** Whether the server has told what that is. */
  ready: boolean = $state.raw(false);
  readonly #live = new Live(
    this.state,
    () => this.#socket?.connected ?? false,
    () => this.#update(),
  );
  #token = '';
  #socket: Socket | null = null;
  #started = false;
  readonly #unknownModels = new Set<string>();

  /** Tells which models the chat on screen will use, and the page's language, a BCP 47 tag. */
  show(models: readonly string[], language: string): void {
    untrack(() => {
      this.state.selected = [...new Set(models.filter(Boolean))];
      this.state.language = language;
      this.#start();
      this.#login();
    });
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    user.subscribe((user) => {
      this.#token = user ? (localStorage.getItem('token') ?? '') : '';
      this.#login();
    });
    socket.subscribe((socket) => this.#listen(socket));
    addEventListener('storage', ({ key }) => this.state.stored(key));
    document.addEventListener('visibilitychange', () => this.#live.visible());
  }

  #login(): void {
    this.#live.login(this.#token, this.state.language);
    this.#update();
  }

  #listen(socket: Socket | null): void {
    if (!socket || socket === this.#socket) return;
    this.#socket = socket;
    let lost = !socket.connected; // what is sent before it connects never comes
    socket.on('usage', (payload: unknown) => {
      if (isRecord(payload)) this.#live.changed(payload);
    });
    socket.on('disconnect', () => (lost = true));
    socket.on('connect', () => {
      if (lost) this.#live.missed();
      lost = false;
    });
  }

  #update(): void {
    this.expected = this.#live.expected;
    this.ready = this.#live.ready;
    if (this.#token && !this.expected) rememberSpace(0, false); // a server without the plugin
    this.#ask();
  }

  /** A model that has come since: asks for the models again, once for each id. */
  #ask(): void {
    const { models, selected } = this.state;
    const unknownModel = selected.find((id) => !models.has(id) && !this.#unknownModels.has(id));
    if (!unknownModel || !this.ready) return;
    this.#unknownModels.add(unknownModel);
    void this.#live.reload();
  }
}

export const usage = new Usage();

/**
 * What a chat request says of effort, to be spread into its body; nothing where it is said already, in one of `settings`.
 *
 * `model` is the model that is asked, `selected` are those of the chat.
 */
export function reasoning(
  model: string,
  selected: readonly string[],
  settings: readonly ({ reasoning_effort?: unknown } | null | undefined)[],
): { reasoning?: object } {
  if (settings.some((each) => each?.reasoning_effort != null)) return {};
  const several = [...new Set([model, ...selected.filter(Boolean)])];
  const value = reasoningFor(model, several, (id) => usage.state.sentEffortOf(id));
  return value ? { reasoning: value } : {};
}
