import { beforeEach, expect, test } from 'vitest';
import { ENTRIES } from '../../pages/entries/places';
import { wordsOf } from '../../pages/entries/words';

const add = (name: string) => ENTRIES.find((entry) => entry.name === name)?.add(() => wordsOf('en'));

beforeEach(() => {
  document.body.innerHTML = '';
});

const ICON = (link: string) => `<div><div class="tip">${link}</div></div>`;
const RAIL = `<div id="sidebar"><div><div><div class="tip"><button></button></div></div><div class="icons">
  ${ICON('<a href="/" class="icon"><div class="box"><svg></svg></div></a>')}
  ${ICON('<button class="icon"><div class="box"></div></button>')}
</div></div><div>user menu</div></div>`;

test('the rail of a closed sidebar gets an icon, behind its own', () => {
  document.body.innerHTML = RAIL;
  const entry = add('rail');
  expect(entry?.parentElement?.className).toBe('icons');
  expect(entry?.nextElementSibling).toBe(null);
  const anchor = entry?.querySelector('a');
  expect([anchor?.getAttribute('href'), anchor?.className]).toEqual(['/usage/', 'icon']);
  expect(anchor?.getAttribute('aria-label')).toBe('Usage');
  expect(anchor?.querySelector('.box svg')).not.toBe(null);
});

test('a click on it does not open the sidebar', () => {
  document.body.innerHTML = RAIL;
  let clicks = 0;
  document.getElementById('sidebar')?.addEventListener('click', () => (clicks += 1));
  add('rail')
    ?.querySelector('svg')
    ?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
  expect(clicks).toBe(0);
});

test('the rail is found beside a sidebar that is folded away', () => {
  document.body.innerHTML = `<div id="sidebar"><button id="sidebar-search-button"></button></div>${RAIL}`;
  expect(add('rail')?.parentElement?.className).toBe('icons');
});

test('an open sidebar is no rail', () => {
  document.body.innerHTML =
    '<div id="sidebar"><a href="/"></a><button id="sidebar-search-button"></button></div>';
  expect(add('rail')).toBe(null);
});

test('a card stands below the heading, within what the host takes away with it', () => {
  document.body.innerHTML =
    '<div id="tab-admin-analytics"><div class="scroll"><div class="head"><h2>Quality</h2></div><p></p></div></div>';
  const entry = add('analytics');
  expect(entry?.previousElementSibling?.className).toBe('head');
  expect(entry?.querySelector('a')?.getAttribute('href')).toBe('/usage/admin/');
});

test('there is no card before the page is drawn', () => {
  document.body.innerHTML = '<div id="tab-admin-analytics"></div>';
  expect(add('analytics')).toBe(null);
});
