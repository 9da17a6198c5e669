/**
 * When usage may have changed, for a page that somebody looks at: the socket event `usage` tells, and where it cannot the
 * server is asked every now and then. While the tab is hidden there is neither, and one question when it is seen again.
 */
import { token } from './api';

/** Milliseconds from one question to the next, at most: */
const WHILE_LIVE = 60_000;
const WHILE_NOT = 10_000;
/** At least, where calls of one's own follow one another. */
const SHORTEST = 500;

interface Pace {
  /** Milliseconds to wait at most after an event that tells of no call of one's own. */
  others?: number;
  /** Milliseconds from one question to the next while events arrive, for what they do not tell. */
  poll?: number;
}

/** Calls `changed` whenever something may have changed; returns how to stop. */
export function watchUsage(
  changed: () => void,
  { others = WHILE_NOT, poll = WHILE_LIVE }: Pace = {},
): () => void {
  let asked = performance.now();
  let due = Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isLive = false;
  let leave: (() => void) | undefined;

  /** Asks so long after the last time, unless that is planned for an earlier moment. */
  function askWithin(milliseconds: number): void {
    const at = asked + milliseconds;
    if (at >= due || document.hidden) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(ask, Math.max(0, at - performance.now()));
  }
  function ask(): void {
    rest();
    asked = performance.now();
    changed();
    askWithin(isLive ? poll : WHILE_NOT);
  }
  function rest(): void {
    clearTimeout(timer);
    due = Infinity;
  }

  /** Connects; without a login of its own the page has no socket, and goes on asking. */
  function join(): void {
    let isGone = false;
    let close: (() => void) | undefined;
    leave = () => {
      isGone = true;
      close?.();
      isLive = false;
    };
    if (!token()) return;
    import('./socket')
      .then(({ listen }) => {
        if (isGone) return;
        close = listen({
          heard: (own) => askWithin(own ? SHORTEST : others),
          live: (is) => {
            if (isGone) return;
            isLive = is;
            askWithin(WHILE_NOT); // What happened in between was told to nobody here.
          },
        });
      })
      .catch(() => undefined); // The server has been updated meanwhile: asking goes on.
  }

  function seen(): void {
    if (document.hidden) {
      leave?.();
      leave = undefined;
      rest();
    } else if (!leave) {
      join();
      ask();
    }
  }
  document.addEventListener('visibilitychange', seen);
  if (!document.hidden) {
    join();
    askWithin(WHILE_NOT);
  }
  return () => {
    document.removeEventListener('visibilitychange', seen);
    leave?.();
    rest();
  };
}
