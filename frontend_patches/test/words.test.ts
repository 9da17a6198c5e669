import { expect, test } from 'vitest';
import { primary } from '../src/words';
import { DICTIONARY, ENGLISH } from './support';

test("Open WebUI's most used languages are there", () => {
  expect(Object.keys(DICTIONARY)).toEqual(
    expect.arrayContaining(['en', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'pt', 'ru', 'zh']),
  );
});

test.each(Object.entries(DICTIONARY))('%s has all words', (_language, words) => {
  expect(Object.keys(words)).toEqual(Object.keys(ENGLISH));
  expect(Object.values(words).filter((word) => !word.trim())).toEqual([]);
  expect(words.groups).toContain('{n}');
  const efforts = [words.low, words.medium, words.high, words.mixed];
  expect(new Set(efforts).size).toBe(4);
});

test.each([
  ['pt-BR', 'pt'],
  ['de', 'de'],
  ['', ''],
])('%j is in %j', (language, expected) => expect(primary(language)).toBe(expected));
