import { flushSync, mount, tick, unmount } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import DataTable from '../../pages/components/DataTable.svelte';
import { loadWords } from '../../pages/lib/words';

interface Row {
  id: number;
}
const rows = (from: number, to: number): Row[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i }));

/** Whether the end of the table is in sight, which an observer tells whenever it begins to look. */
let isAtEnd = false;
class Observer {
  readonly told: (entries: { isIntersecting: boolean }[]) => void;
  constructor(told: (entries: { isIntersecting: boolean }[]) => void) {
    this.told = told;
  }
  observe = () => queueMicrotask(() => this.told([{ isIntersecting: isAtEnd }]));
  unobserve = () => undefined;
  disconnect = () => undefined;
}

const state = $state({ rows: rows(0, 100), more: true, busy: false });
const more = vi.fn();
const onopen = vi.fn<(row: Row) => void>();
let component: Record<string, unknown>;

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    flushSync();
    await Promise.resolve();
  }
}
const drawn = () =>
  [...document.querySelectorAll<HTMLElement>('tr[data-row]')].map(({ dataset }) => Number(dataset['row']));
const gaps = () => document.querySelectorAll('tbody.gap').length;

/** Nothing has a height here, so a row is 31 pixels high, as long as none is measured. */
function scroll(top: number): void {
  const box = document.querySelector('.scroll') as HTMLElement;
  Object.defineProperty(box, 'scrollTop', { value: top, configurable: true });
  box.dispatchEvent(new Event('scroll'));
  flushSync();
}
async function press(key: string): Promise<void> {
  document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  await tick();
  await settle();
}
const focused = () => (document.activeElement as HTMLElement).dataset['row'];

beforeEach(async () => {
  await loadWords('en');
  vi.stubGlobal('IntersectionObserver', Observer);
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(50 * 31);
  isAtEnd = false;
  more.mockReset();
  onopen.mockReset();
  Object.assign(state, { rows: rows(0, 100), more: true, busy: false });
  component = mount(DataTable<Row>, {
    target: document.body,
    props: {
      label: 'Numbers',
      columns: [{ id: 'id', title: 'Number', value: ({ id }: Row) => id, text: ({ id }: Row) => `${id}` }],
      key: ({ id }: Row) => `${id}`,
      onopen,
      get rows() {
        return state.rows;
      },
      get more() {
        return state.more ? more : undefined;
      },
      get busy() {
        return state.busy;
      },
    },
  });
  await settle();
});
afterEach(async () => {
  await unmount(component);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('nothing is asked for before the end is in sight', () => {
  expect(more).not.toHaveBeenCalled();
});

test('more is asked for as long as the end stays in sight, once at a time', async () => {
  state.busy = true;
  await settle();
  isAtEnd = true;
  more.mockImplementation(() => (state.busy = true));
  for (let page = 1; page <= 3; page++) {
    state.busy = false;
    await settle();
    expect(more).toHaveBeenCalledTimes(page);
    state.rows = [...state.rows, ...rows(page * 100, (page + 1) * 100)];
    await settle();
  }
  state.more = false;
  state.busy = false;
  await settle();
  expect(more).toHaveBeenCalledTimes(3);
});

test('of twenty thousand rows those in sight are drawn', async () => {
  state.more = false;
  state.rows = rows(0, 20_000);
  await settle();
  expect(drawn()).toEqual(rows(0, 50).map(({ id }) => id));
  scroll(31 * 10_000);
  expect(drawn()).toContain(10_000);
  expect(drawn().length).toBeLessThan(200);
  expect(gaps()).toBe(2);
  scroll(31 * 20_000);
  expect(drawn().at(-1)).toBe(19_999);
  expect(gaps()).toBe(1);
});

test('a further page changes no row that is there', async () => {
  state.rows = rows(0, 3000);
  await settle();
  const first = document.querySelector('tr[data-row="0"]');
  const changes = vi.fn<MutationCallback>();
  const observer = new MutationObserver(changes);
  observer.observe(document.querySelector('table') as Element, { childList: true, subtree: true });
  state.rows = [...state.rows, ...rows(3000, 3100)];
  await settle();
  observer.disconnect();
  expect(changes).not.toHaveBeenCalled();
  expect(document.querySelector('tr[data-row="0"]')).toBe(first);
});

test('screen readers are told which rows of how many these are', async () => {
  const table = document.querySelector('table');
  expect(table?.getAttribute('aria-rowcount')).toBe('-1'); // nobody knows yet
  state.more = false;
  state.rows = rows(0, 5000);
  await settle();
  expect(table?.getAttribute('aria-rowcount')).toBe('5001');
  expect(document.querySelector('thead tr')?.getAttribute('aria-rowindex')).toBe('1');
  scroll(31 * 2500);
  expect(document.querySelector('tr[data-row="2500"]')?.getAttribute('aria-rowindex')).toBe('2502');
  state.rows = rows(0, 3);
  await settle();
  expect(table?.hasAttribute('aria-rowcount')).toBe(false);
});

test('the keyboard gets to every row, drawn or not, and keeps its place', async () => {
  state.more = false;
  state.rows = rows(0, 5000);
  await settle();
  expect([...document.querySelectorAll('tr[tabindex="0"]')].length).toBe(1);
  document.querySelector<HTMLElement>('tr[data-row="0"]')?.focus();
  await press('ArrowDown');
  expect(focused()).toBe('1');
  await press('End');
  expect(focused()).toBe('4999');
  await press('ArrowUp');
  await press('Enter');
  expect(onopen).toHaveBeenCalledWith({ id: 4998 });
  scroll(0); // by the wheel
  expect(focused()).toBe('4998');
  expect(drawn()).toContain(0);
  await press('Home');
  expect(focused()).toBe('0');
});

test('on paper there are all rows', async () => {
  state.rows = rows(0, 1234);
  await settle();
  dispatchEvent(new Event('beforeprint'));
  expect(drawn().length).toBe(1234);
  dispatchEvent(new Event('afterprint'));
  flushSync();
  expect(drawn().length).toBeLessThan(200);
});

test('columns are as wide as their longest text, whether or not its row is drawn', async () => {
  state.rows = [...rows(0, 500), { id: 123_456_789 }, ...rows(501, 600)];
  await settle();
  expect(document.querySelector('.widest')?.textContent).toContain('123456789');
  expect(document.querySelector('.widest')?.getAttribute('aria-hidden')).toBe('true');
});
