import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fill, loadWords, plural, words } from '../../pages/lib/words';
import type texts from '../../pages/words/shared.json';

type Texts = { [key: string]: string | Texts };
const LANGUAGES = ['de', 'en', 'es', 'fr', 'it', 'ja', 'ko', 'pt', 'ru', 'tr', 'zh'];
const FORMS = ['zero', 'one', 'two', 'few', 'many', 'other'];
const areas = readdirSync('pages/words').map((file) => {
  const area = JSON.parse(readFileSync(`pages/words/${file}`, 'utf8')) as Record<string, Texts>;
  return [file, area] as const;
});

/** Every text by where it stands; the forms of a plural as one. */
function flat(texts: Texts, place = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, text] of Object.entries(texts)) {
    const at = `${place}${key}`;
    if (typeof text === 'string') found.set(at, text);
    else if ('other' in text && Object.keys(text).every((form) => FORMS.includes(form)))
      found.set(at, Object.values(text).join(' '));
    else for (const [inner, each] of flat(text, `${at}.`)) found.set(inner, each);
  }
  return found;
}
const placesIn = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();

for (const [file, area] of areas) {
  test.each(LANGUAGES)(`${file} says in %s what it says in English`, (language) => {
    const english = flat(area['en'] ?? {});
    const own = flat(area[language] ?? {});
    expect([...own.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [place, text] of own) {
      expect(text.trim(), place).not.toBe('');
      expect(placesIn(text), place).toEqual(placesIn(english.get(place) ?? ''));
    }
  });
}

test('words come in the language of Open WebUI, and in English where there is no other', async () => {
  await loadWords('de-DE');
  expect(words<typeof texts>('shared').back).toBe('Zurück zum Chat');
  await loadWords('xx');
  expect(words<typeof texts>('shared').back).toBe('Back to the chat');
});

test('texts take values and have a form for each number', () => {
  expect(fill('{used} of {limit}', { used: 1, limit: '$2' })).toBe('1 of $2');
  expect(fill('{other}', {})).toBe('{other}');
  const forms = { one: '{n} call', other: '{n} calls' };
  expect([plural(forms, 1, 'en'), plural(forms, 1234, 'en')]).toEqual(['1 call', '1,234 calls']);
  expect(plural({ one: '{n} вызов', few: '{n} вызова', other: '{n} вызовов' }, 3, 'ru')).toBe('3 вызова');
});
