import type { components, paths } from './openapi';

export type Effort = 'medium' | 'high';

type Schemas = components['schemas'];
type Events = paths['/chat']['post']['responses'][200]['content']['text/event-stream'];

export type About = Schemas['About'];
export type Stats = Schemas['AccountStats'];
/** What one answer took. A cost is null where no price is known. */
export type Numbers = Omit<Schemas['ChatAnswer'], 'content'>;
/** What the model thinks or says. */
export type Piece = Extract<Events, { text: string }>;
export type End = Exclude<Events, Piece>;

export interface Message {
  role: 'user' | 'assistant';
  content: string;
}

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export async function about(): Promise<About> {
  return (await ask('about', null)).json();
}

export async function stats(token: string): Promise<Stats> {
  return (await ask('user/stats', token)).json();
}

/** One question, answered in pieces. The last event is `done` or `error`. */
export async function* chat(
  token: string,
  messages: Message[],
  effort: Effort,
  signal: AbortSignal,
): AsyncGenerator<Piece | End> {
  const body = JSON.stringify({ messages, reasoning_effort: effort, stream: true });
  const answer = await ask('chat', token, { method: 'POST', body, signal });
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) yield JSON.parse(line.slice(6)) as Piece | End;
  }
}

async function ask(path: string, token: string | null, init: RequestInit = {}): Promise<Response> {
  const headers: Record<string, string> = init.body ? { 'Content-Type': 'application/json' } : {};
  if (token) headers['Authorization'] = `Bearer ${token}`;
  let answer: Response;
  try {
    answer = await fetch(`./${path}`, {
      ...init,
      headers,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refused('The server cannot be reached. Is there a network?', 0);
  }
  if (answer.ok) return answer;
  let reason = `The server answered ${answer.status}.`;
  try {
    const { error } = await answer.json();
    if (typeof error === 'string') reason = error;
  } catch {
    // no JSON: a proxy answered
  }
  throw new Refused(reason, answer.status);
}
