import { beforeEach, expect, test } from 'vitest';
import { direction, language } from '../../pages/lib/language';
import { applyTheme, followTheme } from '../../pages/lib/theme';

const { classList, style } = document.documentElement;
beforeEach(() => localStorage.clear());

const themed = (theme: string) => {
  localStorage.setItem('theme', theme);
  applyTheme();
  return [...classList].sort().join(' ');
};

test.each([
  ['light', 'light'],
  ['dark', 'dark'],
  ['oled-dark', 'dark'],
  ['her', 'her light'],
  ['something new', 'dark'],
])('%s', (theme, classes) => {
  expect(themed(theme)).toBe(classes);
});

test('the greys of a display that is really black do not outlive it', () => {
  themed('oled-dark');
  expect(style.getPropertyValue('--color-gray-900')).toBe('#000');
  themed('dark');
  expect(style.getPropertyValue('--color-gray-900')).toBe('');
});

test('a theme that is chosen in another tab is followed', () => {
  themed('light');
  const stop = followTheme();
  localStorage.setItem('theme', 'dark');
  dispatchEvent(new StorageEvent('storage', { key: 'theme' }));
  expect(classList.contains('dark')).toBe(true);
  stop();
});

test('the language is that of Open WebUI, the direction that of the language', () => {
  localStorage.setItem('locale', 'pt-BR');
  expect(language()).toBe('pt-BR');
  localStorage.setItem('locale', 'not a tag');
  expect(language()).toBe(Intl.getCanonicalLocales(navigator.language)[0]);
  expect([direction('fa-IR'), direction('de')]).toEqual(['rtl', 'ltr']);
});
