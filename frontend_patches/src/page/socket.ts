import { isRecord } from '../model';

const PREFIX = '42["usage",';

/** What a socket.io packet of the event `usage` carries; null for any other packet. */
export function readPacket(data: unknown): Record<string, unknown> | null {
  if (typeof data !== 'string' || !data.startsWith(PREFIX)) return null;
  try {
    const [, payload] = JSON.parse(data.slice(2)) as [string, unknown];
    return isRecord(payload) ? payload : null;
  } catch {
    return null;
  }
}

interface Listener {
  changed(payload: Record<string, unknown>): void;
  /** A socket has come after one that closed: events may have been missed in between. */
  missed(): void;
}

/**
 * Listens on the websocket that Open WebUI keeps anyway. The prototype is patched rather than the constructor, which
 * socket.io has captured long before this script runs; a socket is noticed by the first thing it sends, a heartbeat at the latest.
 *
 * Returns whether events can arrive at this moment.
 */
export function tapSocket(listener: Listener): () => boolean {
  const seen = new WeakSet<WebSocket>();
  const open = new Set<WebSocket>();
  let lost = false;

  const listen = (socket: WebSocket) => {
    seen.add(socket);
    if (!socket.url.includes('/ws/socket.io')) return;
    open.add(socket);
    socket.addEventListener('message', ({ data }) => {
      const payload = readPacket(data);
      if (payload) listener.changed(payload);
    });
    socket.addEventListener('close', () => {
      open.delete(socket);
      lost = true;
    });
    if (lost) listener.missed();
    lost = false;
  };

  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (this: WebSocket, data) {
    try {
      if (!seen.has(this)) listen(this);
    } catch {
      // Open WebUI's packet goes out whatever happens here.
    }
    send.call(this, data);
  };
  return () => [...open].some((socket) => socket.readyState === WebSocket.OPEN);
}
