/**
 * When usage may have changed: while somebody looks at the page the server is asked every now and then, and at once when the
 * tab is seen again.
 */

/** Milliseconds. */
const POLL = 10_000;

/** Calls `changed` whenever something may have changed; returns how to stop. */
export function watchUsage(changed: () => void): () => void {
  const seen = () => {
    if (!document.hidden) changed();
  };
  document.addEventListener('visibilitychange', seen);
  const timer = setInterval(seen, POLL);
  return () => {
    document.removeEventListener('visibilitychange', seen);
    clearInterval(timer);
  };
}
