import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { applyKeptAppearance, followAppearance } from '../../pages/lib/appearance';

const { classList, style } = document.documentElement;
const shown = () => [style.getPropertyValue('--app-text-scale'), classList.contains('high-contrast')];

beforeEach(() => {
  localStorage.clear();
  localStorage.setItem('token', 'secret');
  applyKeptAppearance();
});
afterEach(() => vi.unstubAllGlobals());

const answering = (body: unknown, status = 200) => {
  const fetch = vi.fn(() => Promise.resolve(new Response(JSON.stringify(body), { status })));
  vi.stubGlobal('fetch', fetch);
  return fetch;
};

test('text has the size and the contrast that were set in Open WebUI, at once at the next visit', async () => {
  const fetch = answering({ ui: { textScale: 1.25, highContrastMode: true } });
  await followAppearance();
  expect(shown()).toEqual(['1.25', true]);
  expect(String(fetch.mock.calls[0]?.at(0))).toMatch(/\/api\/v1\/users\/user\/settings$/);
  style.removeProperty('--app-text-scale');
  applyKeptAppearance();
  expect(shown()).toEqual(['1.25', true]);

  answering({ ui: {} });
  await followAppearance();
  expect(shown()).toEqual(['', false]);
});

test.each([
  [null],
  [{ ui: null }],
  [{ ui: { textScale: '2', highContrastMode: 'yes' } }],
  [{ ui: { textScale: 40 } }],
  [{ ui: { textScale: null } }],
])('%j is as usual', async (body) => {
  answering(body);
  await followAppearance();
  expect(shown()).toEqual(['', false]);
});

test('without an answer it stays as it was', async () => {
  answering({ ui: { textScale: 1.5 } });
  await followAppearance();
  answering({ detail: 'no' }, 500);
  await followAppearance();
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')));
  await followAppearance();
  expect(shown()).toEqual(['1.5', false]);
});

test('what was kept may be broken', () => {
  localStorage.setItem('openwebuiUsageAppearance', '{');
  applyKeptAppearance();
  expect(shown()).toEqual(['', false]);
});
