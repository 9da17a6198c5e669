import { afterEach, beforeEach, expect, test } from 'vitest';
import { flag, integer, list, oneOf, Parameters, router, text } from '../../pages/lib/router.svelte';
import { setRoot } from '../../pages/lib/root';

let stop: () => void;
beforeEach(() => {
  setRoot(`${location.origin}/usage/assets/admin.js`);
  history.replaceState(null, '', '/usage/admin/calls/18d6?kind=chat&kind=api&bucket=hour&page=x');
  stop = router.start('admin/');
});
afterEach(() => stop());

test('the path within the page', () => {
  expect(router.path).toBe('calls/18d6');
  expect(router.href('groups', { q: 'a b' })).toBe('/usage/admin/groups?q=a+b');
});

test('parameters have types, and the usual value for what makes no sense', () => {
  const state = new Parameters({
    bucket: oneOf(['day', 'hour'], 'day'),
    kind: list(),
    page: integer(1, 1),
    search: text(),
    before: flag(),
  });
  expect(state.values).toEqual({ bucket: 'hour', kind: ['chat', 'api'], page: 1, search: '', before: false });
  state.set({ bucket: 'day', kind: ['task'], before: true });
  expect(location.search).toBe('?page=x&kind=task&before=1');
  expect(state.values.bucket).toBe('day');
});

test('links within the page do not load it again, others do', () => {
  const click = (href: string) => {
    const link = document.createElement('a');
    link.href = href;
    document.body.append(link);
    const event = new MouseEvent('click', { bubbles: true, cancelable: true });
    // What is not taken would load another page.
    document.addEventListener('click', (each) => each.preventDefault(), { once: true });
    let taken = false;
    link.addEventListener('click', () =>
      queueMicrotask(() => (taken = location.pathname === new URL(link.href).pathname)),
    );
    link.dispatchEvent(event);
    link.remove();
    return Promise.resolve().then(() => taken);
  };
  return Promise.all([click('/usage/admin/groups')]).then(async ([inside]) => {
    expect(inside).toBe(true);
    expect(router.path).toBe('groups');
    expect(await click('/c/1')).toBe(false);
    expect(await click('/usage/')).toBe(false);
  });
});

test('the back button', async () => {
  router.go('/usage/admin/groups');
  expect(router.path).toBe('groups');
  history.replaceState(null, '', '/usage/admin/budgets');
  dispatchEvent(new PopStateEvent('popstate'));
  expect(router.path).toBe('budgets');
});
