import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchUsage } from '../../pages/lib/live';
import type { Listener } from '../../pages/lib/socket';

const listen = vi.hoisted(() => vi.fn<(listener: Listener) => () => void>());
vi.mock('../../pages/lib/socket', () => ({ listen }));

const closed = vi.fn();
const changed = vi.fn();
let stop: () => void;
let listener: Listener;

let hidden = false;
function hide(is: boolean): void {
  hidden = is;
  document.dispatchEvent(new Event('visibilitychange'));
}
const settle = () => vi.advanceTimersByTimeAsync(0);
/** A page that has been open for a minute, with a socket that is connected. */
async function start(pace?: Parameters<typeof watchUsage>[1]): Promise<void> {
  stop = watchUsage(changed, pace);
  await vi.dynamicImportSettled();
  await settle();
  listener = listen.mock.lastCall?.[0] as Listener;
  listener?.live(true);
  await vi.advanceTimersByTimeAsync(11_000);
  changed.mockReset();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
  hidden = false;
  localStorage.setItem('token', 'secret');
  listen.mockReset().mockReturnValue(closed);
  closed.mockReset();
  changed.mockReset();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a call of my own is asked for at once, and many of them twice a second', async () => {
  await start();
  await vi.advanceTimersByTimeAsync(5000);
  listener.heard(true);
  await settle();
  expect(changed).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 20; i++) {
    listener.heard(true);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(changed).toHaveBeenCalledTimes(5);
});

test('calls of others are asked for within ten seconds', async () => {
  await start();
  for (let i = 0; i < 20; i++) {
    listener.heard(false);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(changed).toHaveBeenCalledTimes(2);
});

test('a page may want those of others sooner', async () => {
  await start({ others: 1000 });
  await vi.advanceTimersByTimeAsync(1000);
  listener.heard(false);
  await settle();
  expect(changed).toHaveBeenCalledTimes(1);
});

test('while events arrive the server is asked once a minute, else every ten seconds', async () => {
  await start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(changed).toHaveBeenCalledTimes(1);
  listener.live(false);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(changed).toHaveBeenCalledTimes(4);
});

test('without a login that the page may read there is no socket, and the server is asked', async () => {
  localStorage.clear();
  await start();
  expect(listen).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(changed).toHaveBeenCalledTimes(2);
});

test('a hidden tab has no socket and asks nothing; when it is seen again it asks at once', async () => {
  await start();
  hide(true);
  expect(closed).toHaveBeenCalledTimes(1);
  listener.heard(true);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(changed).not.toHaveBeenCalled();
  hide(false);
  expect(changed).toHaveBeenCalledTimes(1);
  await vi.dynamicImportSettled();
  await settle();
  expect(listen).toHaveBeenCalledTimes(2);
});

test('nothing is heard after the end', async () => {
  await start();
  stop();
  expect(closed).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(120_000);
  expect(changed).not.toHaveBeenCalled();
});
