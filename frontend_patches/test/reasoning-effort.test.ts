import { flushSync, mount, tick, unmount } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import ReasoningEffort from '../src/components/ReasoningEffort.svelte';
import type { Effort } from '../src/model';
import { DOCUMENTED, EFFORTS } from './support';
import { ENGLISH } from './support';

let component: Record<string, unknown>;
const onchoose = vi.fn();

function draw(...efforts: Effort[]) {
  drawMenus(efforts.map((effort) => [effort, DOCUMENTED]));
}
/** Each menu by what it shows, and what it offers. */
function drawMenus(menus: [Effort, readonly Effort[]][]) {
  const choices = menus.map(([effort, efforts], i) => ({ id: `m${i}`, name: `Model ${i}`, effort, efforts }));
  component = mount(ReasoningEffort, {
    target: document.body,
    props: { choices, onchoose, words: ENGLISH },
  });
  flushSync();
}
beforeEach(() => onchoose.mockClear());
afterEach(() => unmount(component));

const button = () => document.querySelector('button') as HTMLButtonElement;
const list = () => document.querySelector<HTMLElement>('[role=listbox]');
const active = () =>
  document.getElementById(list()?.getAttribute('aria-activedescendant') ?? '')?.textContent?.trim();
async function open() {
  button().click();
  await tick();
  await tick();
}
async function press(key: string, target: Element | null = list()) {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true });
  target?.dispatchEvent(event);
  await tick();
  return event;
}

test('says what it is, and what the effort is', () => {
  draw('medium');
  expect(button().getAttribute('aria-label')).toBe('Reasoning effort: Medium');
  expect(button().textContent?.trim()).toBe('Medium');
  expect(button().type).toBe('button'); // it stands in the form that sends the chat
});

test('opens on the current effort and takes the focus', async () => {
  draw('high');
  await open();
  expect([...document.querySelectorAll('[role=option]')].map((option) => option.textContent?.trim())).toEqual(['Low', 'Medium', 'High']); // prettier-ignore
  expect(document.querySelector('[aria-selected=true]')?.textContent).toContain('High');
  expect(button().getAttribute('aria-expanded')).toBe('true');
  expect(active()).toBe('High');
  expect(document.activeElement).toBe(list());
});

test('opens by the arrow keys too', async () => {
  draw('low');
  await press('ArrowDown', button());
  await tick();
  expect(active()).toBe('Low');
});

test('arrows, Home, End and letters move; the ends stop', async () => {
  draw('medium');
  await open();
  const moves: [string, string][] = [
    ['ArrowDown', 'High'],
    ['ArrowDown', 'High'],
    ['Home', 'Low'],
    ['ArrowUp', 'Low'],
    ['End', 'High'],
    ['l', 'Low'],
    ['M', 'Medium'],
    ['x', 'Medium'],
  ];
  for (const [key, expected] of moves) {
    await press(key);
    expect(active()).toBe(expected);
  }
  expect(onchoose).not.toHaveBeenCalled();
});

test.each(['Enter', ' '])('%j chooses, closes and gives the focus back', async (key) => {
  draw('medium');
  await open();
  await press('End');
  expect((await press(key)).defaultPrevented).toBe(true);
  expect(onchoose).toHaveBeenCalledExactlyOnceWith('high', 'm0');
  expect(list()).toBeNull();
  expect(document.activeElement).toBe(button());
});

test('Escape closes and changes nothing, and the page does not hear of it', async () => {
  draw('medium');
  await open();
  const heard = vi.fn();
  window.addEventListener('keydown', heard);
  await press('Escape');
  window.removeEventListener('keydown', heard);
  expect(heard).not.toHaveBeenCalled();
  expect(list()).toBeNull();
  expect(onchoose).not.toHaveBeenCalled();
  expect(document.activeElement).toBe(button());
});

test('a click outside closes and leaves the focus alone', async () => {
  draw('medium');
  await open();
  document.body.dispatchEvent(new Event('pointerdown', { bubbles: true }));
  await tick();
  expect(list()).toBeNull();
});

test('the button closes what it has opened', async () => {
  draw('medium');
  await open();
  button().click();
  await tick();
  expect(list()).toBeNull();
});

test('several models have parts of their own, and the list stays open', async () => {
  draw('medium', 'high');
  expect(button().textContent).toContain('Mixed');
  await open();
  expect(document.querySelectorAll('[role=option]')).toHaveLength(6);
  expect(list()?.getAttribute('aria-multiselectable')).toBe('true');
  const selected = [...document.querySelectorAll('[aria-selected=true]')].map((option) =>
    [option.parentElement?.getAttribute('aria-label'), option.textContent?.trim()].join(': '),
  );
  expect(selected).toEqual(['Model 0: Medium', 'Model 1: High']);
  await press('End');
  await press('ArrowUp');
  await press('ArrowUp');
  expect(active()).toBe('Low');
  await press('Enter');
  expect(onchoose).toHaveBeenCalledExactlyOnceWith('low', 'm1');
  expect(list()).not.toBeNull();
  await press('h');
  expect(active()).toBe('High');
  await press('h');
  await press(' ');
  expect(onchoose).toHaveBeenLastCalledWith('high', 'm0');
});

test('several models that agree show what they agree on', () => {
  draw('low', 'low');
  expect(button().textContent).toContain('Low');
});

test('the tooltip comes with the pointer, and goes when the list opens', async () => {
  draw('low');
  button().dispatchEvent(new PointerEvent('pointerenter', { pointerType: 'mouse' }));
  expect(document.querySelector('[role=tooltip]')?.textContent).toBe('Reasoning effort');
  await open();
  expect(document.querySelector('[role=tooltip]')).toBeNull();
});

test('offers what each model has, and opens on what it shows', async () => {
  drawMenus([
    ['default', ['default', 'low', 'high']],
    ['xhigh', EFFORTS],
  ]);
  await open();
  const texts = [...document.querySelectorAll('[role=option]')].map((option) => option.textContent?.trim());
  expect(texts.slice(0, 3)).toEqual(['Provider default', 'Low', 'High']);
  expect(texts.slice(3)).toEqual(['Provider default', 'None', 'Minimal', 'Low', 'Medium', 'High', 'Extra high', 'Maximum']); // prettier-ignore
  expect(active()).toBe('Provider default');
  await press('End');
  await press('Enter');
  expect(onchoose).toHaveBeenCalledWith('max', 'm1');
});
