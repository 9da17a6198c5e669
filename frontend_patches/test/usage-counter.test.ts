import { flushSync, mount, unmount } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import UsageCounter from '../src/components/UsageCounter.svelte';
import { UsageState } from '../src/state.svelte';
import { budget, ENGLISH, group, usage } from './support';

let component: Record<string, unknown>;
let state: UsageState;

/** Groups of one model, by their totals. */
function show(totals: Record<string, number>, limit: number | null = null) {
  const groups = new Map(
    Object.entries(totals).map(([name, total]) => [name, group({ limit, usage: usage({ total }) })]),
  );
  state.merge({ groups, budgets: null });
  flushSync();
}
const lines = () => [...document.querySelectorAll<HTMLElement>('[data-usage-group]')];
const fold = () => document.querySelector<HTMLButtonElement>('[aria-expanded]');
const spoken = () => document.querySelector('[role=status]')?.textContent;
const tooltip = () => document.querySelector('[role=tooltip]');
const many = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`g${i}`, i]));

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  state = new UsageState();
  state.words = ENGLISH;
  state.language = 'en-US';
  state.selected = ['o1'];
  component = mount(UsageCounter, {
    target: document.body,
    props: {
      get lines() {
        return state.lines;
      },
      get budget() {
        return state.budget;
      },
      get words() {
        return state.words;
      },
    },
  });
  flushSync();
});
afterEach(async () => {
  await unmount(component);
  vi.useRealTimers();
});

test('nothing to show is nothing', () => {
  expect(lines()).toEqual([]);
  expect(fold()).toBeNull();
});

test('one group stands without its name, several with theirs', () => {
  show({ a: 1 });
  expect(lines()[0]?.textContent).not.toContain('a');
  expect(lines()[0]?.getAttribute('aria-label')).toMatch(/^a: 1,234 IN/);
  show({ b: 2 });
  expect(lines().map((line) => line.textContent?.trim().split(/\s/)[0])).toEqual(['a', 'b']);
});

test.each([
  [100, '10%', ''],
  [12.5, '80%', 'near'],
  [10, '100%', 'full'],
])('a bar shows how much of a limit of %s is used', (limit, width, level) => {
  show({ a: 10 }, limit);
  expect(document.querySelector('rect')?.getAttribute('width')).toBe(width);
  expect(lines()[0]?.dataset['level']).toBe(level);
});

test('no limit, no bar', () => {
  show({ a: 10 });
  expect(document.querySelector('rect')).toBeNull();
});

test('five groups are shown; more fold into one line that opens and closes', () => {
  const { g5, ...five } = many;
  show(five);
  expect(lines()).toHaveLength(5);
  show({ g5: g5 ?? 0 });
  expect(lines()).toHaveLength(0);
  expect(fold()?.textContent?.trim()).toBe('6 usage groups');
  fold()?.click();
  flushSync();
  expect(lines()).toHaveLength(6);
  expect(fold()?.getAttribute('aria-expanded')).toBe('true');
  fold()?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  flushSync();
  expect(lines()).toHaveLength(0);
});

test('the folded line is as red as the worst of them', () => {
  show(many, 5);
  expect(fold()?.dataset['level']).toBe('full');
});

test('the budget stands beside them, with its name', () => {
  state.merge({ groups: new Map(), budgets: [budget({ used: 8 })] });
  flushSync();
  expect(lines().map((line) => line.textContent?.trim().replace(/\s+/g, ' '))).toEqual([
    'family $8.00 / $10.00',
  ]);
  expect(lines()[0]?.dataset['level']).toBe('near');
});

test('the tooltip comes with the pointer, follows the numbers, and goes with Escape', () => {
  show({ a: 1 });
  const [line] = lines();
  line?.dispatchEvent(new PointerEvent('pointerenter', { pointerType: 'mouse' }));
  expect([...(tooltip()?.children ?? [])].slice(0, 3).map((part) => part.textContent)).toEqual([
    'a',
    'Prompt',
    '1,234',
  ]);
  expect(line?.getAttribute('aria-describedby')).toBe(tooltip()?.id);
  state.merge({ groups: new Map([['a', group({ usage: usage({ in: 99 }) })]]), budgets: null });
  flushSync();
  expect(tooltip()?.children[2]?.textContent).toBe('99');
  line?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  expect(tooltip()).toBeNull();
});

test.each([
  [true, 1],
  [false, 0],
])('without a pointer that hovers (%s) a tap opens it, and the next one closes it', (touch, count) => {
  vi.stubGlobal('matchMedia', () => ({ matches: touch }));
  show({ a: 1 });
  const [line] = lines();
  const tap = () => {
    for (const type of ['pointerenter', 'pointerleave'])
      line?.dispatchEvent(new PointerEvent(type, { pointerType: 'touch' }));
    line?.click();
  };
  tap();
  expect(document.querySelectorAll('[role=tooltip]')).toHaveLength(count);
  tap();
  expect(tooltip()).toBeNull();
  vi.unstubAllGlobals();
});

test('what rests is spoken once, what runs and what a new model brings is not', async () => {
  show({ a: 1, b: 1 });
  await vi.advanceTimersByTimeAsync(10_000);
  flushSync();
  expect(spoken()).toBe('');
  for (const total of [2, 3, 4, 5]) {
    show({ a: total });
    await vi.advanceTimersByTimeAsync(1000);
    flushSync();
    expect(spoken()).toBe('');
  }
  await vi.advanceTimersByTimeAsync(4000);
  flushSync();
  expect(spoken()).toBe('a: 1,234 IN · 5,678 OUT · 5 TOTAL');
  state.selected = ['gpt-4o'];
  flushSync();
  expect(spoken()).toBe('');
});
