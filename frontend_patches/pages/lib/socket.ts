/** Open WebUI's socket, as its own page opens it; loaded when a page begins to watch. */
import { io } from 'socket.io-client';
import { token } from './api';
import { hostUrl } from './root';

export interface Listener {
  /** Something was counted, or a limit changed; `own`: by a request of whoever looks. */
  heard(own: boolean): void;
  /** Whether events can arrive from now on. */
  live(is: boolean): void;
}

/** Milliseconds that lie between two tries to connect again, at most. */
const LONGEST_DELAY = 30_000;

/** Listens until the function that it returns is called. */
export function listen({ heard, live }: Listener): () => void {
  const { origin, pathname } = hostUrl('ws/socket.io');
  const socket = io(origin, {
    path: pathname,
    // Without websockets, by an admin's setting or a proxy's fault, the host's page asks over and over, too.
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelayMax: LONGEST_DELAY,
    auth: (send) => send({ token: token() }),
  });
  socket.on('connect', () => live(true));
  socket.on('disconnect', () => live(false));
  socket.on('usage', (event?: { own_calls?: boolean }) => heard(event?.own_calls === true));
  return () => socket.close();
}
