import { type About, type Effort, type End, type Numbers, Refused, type Message, type Stats } from './api';
import * as api from './api';
import { keepToken } from './token';

export interface Answer {
  role: 'assistant';
  pro: boolean;
  content: string;
  thoughts: string;
  state: 'thinking' | 'writing' | 'done' | 'stopped' | 'failed';
  /** Seconds; while it thinks, how long so far. */
  thought: number;
  numbers: Numbers | null;
  /** What a stopped answer cost, as far as the totals tell. */
  cost: number | null;
  error: string | null;
}

export interface UserMessage {
  role: 'user';
  content: string;
}

const TICK = 200; // ms
const FRAME = 40; // ms between two pictures of an answer, however fast it comes
const SETTLING = 700; // ms until a stopped answer is in the ledger

/** Somebody's session: who it is, what was spent, and a chat that lasts as long as the page. */
export class Session {
  about: About | null = $state.raw(null);
  stats: Stats | null = $state.raw(null);
  messages: (UserMessage | Answer)[] = $state([]);
  pro = $state(false);
  busy = $state(false);
  token: string | null = $state(null);
  problem: string | null = $state(null);
  #abort: AbortController | null = null;

  readonly used = $derived.by(() => {
    const limit = this.stats?.usage_limit;
    return !this.stats || limit == null ? null : limit > 0 ? Math.min(1, this.stats.total_cost / limit) : 1;
  });
  readonly spent = $derived(this.used !== null && this.used >= 1);

  /** True where the token is good. Otherwise `problem` says why not. */
  async enter(token: string): Promise<boolean> {
    this.problem = null;
    try {
      this.stats = await api.stats(token);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) keepToken(null);
      this.problem = words(error);
      return false;
    }
    this.token = token;
    keepToken(token);
    api.about().then(
      (about) => (this.about = about),
      () => {}, // it only decorates
    );
    return true;
  }

  leave(problem: string | null = null): void {
    this.clear();
    keepToken(null);
    this.token = this.stats = null;
    this.problem = problem;
  }

  clear(): void {
    this.stop();
    this.messages = [];
  }

  stop(): void {
    this.#abort?.abort();
  }

  async ask(text: string): Promise<void> {
    if (this.busy || !this.token) return;
    this.messages.push({ role: 'user', content: text });
    await this.#answer();
  }

  /** Once more, after an answer that failed or was stopped. */
  async retry(): Promise<void> {
    if (this.busy || !this.token) return;
    if (this.messages.at(-1)?.role === 'assistant') this.messages.pop();
    await this.#answer();
  }

  async refresh(): Promise<void> {
    if (!this.token) return;
    try {
      this.stats = await api.stats(this.token);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.leave(error.message);
    }
  }

  async #answer(): Promise<void> {
    const token = this.token;
    if (!token) return;
    const said = this.messages.filter((message) => message.content) as Message[];
    const history = said.map(({ role, content }) => ({ role, content }));
    this.messages.push(blank(this.pro));
    const answer = this.messages.at(-1) as Answer; // as the state holds it
    const effort: Effort = this.pro ? 'high' : 'medium';
    const abort = (this.#abort = new AbortController());
    const before = this.stats?.total_cost ?? null;
    const begun = performance.now();
    const clock = setInterval(() => {
      if (answer.state === 'thinking') answer.thought = (performance.now() - begun) / 1000;
    }, TICK);
    let [thoughts, content] = ['', ''];
    const show = () => {
      answer.thoughts = thoughts;
      answer.content = content;
    };
    const frames = setInterval(show, FRAME);
    this.busy = true;
    try {
      for await (const event of api.chat(token, history, effort, abort.signal)) {
        if (event.type === 'done' || event.type === 'error') this.#settle(answer, event);
        else if (event.type === 'thinking') thoughts += event.text;
        else {
          if (answer.state === 'thinking') answer.thought = (performance.now() - begun) / 1000;
          answer.state = 'writing';
          content += event.text;
        }
      }
      if (answer.state === 'thinking' || answer.state === 'writing')
        throw new Refused('The answer broke off.', 0);
    } catch (error) {
      if (abort.signal.aborted) answer.state = 'stopped';
      else {
        answer.state = 'failed';
        answer.error = words(error);
      }
      if (error instanceof Refused && error.status === 401) return this.leave(error.message);
    } finally {
      clearInterval(clock);
      clearInterval(frames);
      show();
      this.busy = false;
      this.#abort = null;
    }
    if (answer.state === 'stopped') {
      await new Promise((resolve) => setTimeout(resolve, SETTLING));
      await this.refresh();
      const after = this.stats?.total_cost ?? null;
      if (!this.busy && before !== null && after !== null && after > before) answer.cost = after - before;
    } else await this.refresh();
  }

  #settle(answer: Answer, event: End): void {
    answer.numbers = event;
    answer.cost = event.cost;
    answer.thought = event.thinking_time;
    answer.state = event.type === 'done' ? 'done' : 'failed';
    if (event.type === 'error') answer.error = event.error;
  }
}

function blank(pro: boolean): Answer {
  return {
    role: 'assistant',
    pro,
    content: '',
    thoughts: '',
    state: 'thinking',
    thought: 0,
    numbers: null,
    cost: null,
    error: null,
  };
}

function words(error: unknown): string {
  return error instanceof Refused ? error.message : 'The answer broke off. Is there a network?';
}
