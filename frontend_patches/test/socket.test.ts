import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readPacket, tapSocket } from '../src/page/socket';

const group = { models: ['x'], limit: null, usage: { in: 1, out: 2, total: 3 } };
const packet = (groups: unknown) => `42${JSON.stringify(['usage', { groups }])}`;

test('an event carries what changed', () => {
  expect(readPacket(packet({ a: group, b: null }))).toEqual({ groups: { a: group, b: null } });
});

test.each([
  '2',
  '3',
  '40{"sid":"x"}',
  '42["events",{}]',
  '42["usage",{broken',
  '42["usage",7]',
  '42["usage-x",{}]',
  '',
])('any other packet is none: %s', (data) => expect(readPacket(data)).toBeNull());
test('binary data is none', () => expect(readPacket(new ArrayBuffer(8))).toBeNull());

/** As much of a WebSocket as the tap touches. */
class Socket extends EventTarget {
  static readonly OPEN = 1;
  readyState = 1;
  sent: unknown[] = [];
  constructor(readonly url: string) {
    super();
  }
  send(data: unknown) {
    this.sent.push(data);
  }
  receive(data: unknown) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
  drop() {
    this.readyState = 3;
    this.dispatchEvent(new Event('close'));
  }
}

const ours = 'wss://host/ws/socket.io/?EIO=4&transport=websocket';
const real = { socket: window.WebSocket, send: Socket.prototype.send };
let listener: { changed: ReturnType<typeof vi.fn>; missed: ReturnType<typeof vi.fn> };
let eventsArrive: () => boolean;

beforeEach(() => {
  vi.stubGlobal('WebSocket', Socket);
  listener = { changed: vi.fn(), missed: vi.fn() };
  eventsArrive = tapSocket(listener as unknown as Parameters<typeof tapSocket>[0]);
});
afterEach(() => {
  Socket.prototype.send = real.send;
  vi.stubGlobal('WebSocket', real.socket);
});

test('a socket is noticed by what it sends, and its events are heard once', () => {
  const socket = new Socket(ours);
  expect(eventsArrive()).toBe(false);
  socket.send('40{"token":"t"}');
  socket.send('3');
  expect(socket.sent).toEqual(['40{"token":"t"}', '3']);
  expect(eventsArrive()).toBe(true);

  socket.receive('2');
  expect(listener.changed).not.toHaveBeenCalled();
  socket.receive(packet({ a: group }));
  expect(listener.changed).toHaveBeenCalledTimes(1);
});

test('other sockets of the page are left alone', () => {
  const socket = new Socket('wss://host/terminal');
  socket.send('hello');
  socket.receive(packet({ a: group }));
  expect(eventsArrive()).toBe(false);
  expect(listener.changed).not.toHaveBeenCalled();
});

test('a socket that comes after one was lost is told of, the first one is not', () => {
  const first = new Socket(ours);
  first.send('40');
  expect(listener.missed).not.toHaveBeenCalled();
  first.drop();
  expect(eventsArrive()).toBe(false);
  new Socket(ours).send('40');
  expect(listener.missed).toHaveBeenCalledTimes(1);
  expect(eventsArrive()).toBe(true);
});

test('what is sent arrives even when listening fails', () => {
  const socket = new Socket(ours);
  socket.addEventListener = () => {
    throw new Error('no');
  };
  expect(() => socket.send('40')).not.toThrow();
  expect(socket.sent).toEqual(['40']);
});
