import { flushSync, mount, unmount } from 'svelte';
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
let component: Record<string, unknown>;

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    flushSync();
    await Promise.resolve();
  }
}
const drawn = () => document.querySelectorAll('tbody tr').length;

beforeEach(async () => {
  await loadWords('en');
  vi.stubGlobal('IntersectionObserver', Observer);
  isAtEnd = false;
  more.mockReset();
  Object.assign(state, { rows: rows(0, 100), more: true, busy: false });
  component = mount(DataTable<Row>, {
    target: document.body,
    props: {
      label: 'Numbers',
      columns: [{ id: 'id', title: 'Number', text: ({ id }: Row) => `${id}` }],
      key: ({ id }: Row) => `${id}`,
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
});

test('nothing is asked for before the end is in sight', () => {
  expect(drawn()).toBe(100);
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
    expect(drawn()).toBe(page * 100);
    state.rows = [...state.rows, ...rows(page * 100, (page + 1) * 100)];
    await settle();
  }
  state.more = false;
  state.busy = false;
  await settle();
  expect(more).toHaveBeenCalledTimes(3);
  expect(drawn()).toBe(400);
});

test('what is there is drawn a hundred at a time', async () => {
  state.more = false;
  state.rows = rows(0, 250);
  await settle();
  expect(drawn()).toBe(100);
  document.querySelector<HTMLButtonElement>('.end button')?.click();
  flushSync();
  expect(drawn()).toBe(200);
});
