import { expect, test } from 'vitest';
import type { Check } from '../../pages/admin/sections/health/order';
import { inWords } from '../../pages/admin/sections/health/wording';
import { Format } from '../../pages/lib/format';
import { loadWords } from '../../pages/lib/words';

const SERVER = { text: 'What the server says.', mend: null };
const FOLDER = '/data/usage-spool';

async function said(language: string, check: Partial<Check> & Pick<Check, 'id' | 'state' | 'code'>) {
  await loadWords(language);
  return inWords({ ...SERVER, values: {}, ...check }, new Format(language, 'Europe/Berlin'));
}

test('a check is said in the language of the page, with numbers, sizes and times as it writes them', async () => {
  const free = { id: 'disk', state: 'ok', code: 'free', values: { bytes: 52.3e9, folder: FOLDER } } as const;
  expect(await said('de', free)).toEqual({
    text: `Wo ${FOLDER} liegt, sind 52,3\u00a0GB frei.`,
    mend: null,
    isEnglish: false,
  });
  expect((await said('en', free)).text).toBe(`52.3 GB are free where ${FOLDER} is.`);
  const since = {
    id: 'ledger',
    state: 'ok',
    code: 'written',
    values: { since: '2026-11-28T20:00:00Z' },
  } as const;
  expect((await said('de', since)).text).toContain('seit 28.11.2026, 21:00.');
  const utc = {
    id: 'clock',
    state: 'ok',
    code: 'right',
    values: { utc: '2026-11-28T20:00:00Z', zone: 'CET' },
  } as const;
  expect((await said('de', utc)).text).toContain('28.11.2026, 20:00');
  const redis = { id: 'redis', state: 'ok', code: 'shared', values: { milliseconds: 0.34 } } as const;
  expect((await said('fr', redis)).text).toMatch(/^Redis répond, en 0,3\sms ;/);
  const apart = { id: 'clock', state: 'warn', code: 'apart', mend: 'x', values: { seconds: 9000 } } as const;
  expect((await said('de', apart)).text).toMatch(/gehen um 2,5\sStd\. auseinander\.$/);
});

test('a text takes the form of its number, and what to do its values', async () => {
  const waiting = (n: number) =>
    ({ id: 'spool', state: 'fail', code: 'in_memory', mend: 'x', values: { n, folder: FOLDER } }) as const;
  expect((await said('ru', waiting(1))).text).toMatch(/^1 запрос /);
  expect((await said('ru', waiting(3))).text).toMatch(/^3 запроса /);
  expect((await said('ru', waiting(1200))).text).toMatch(/^1\s200 запросов /);
  expect((await said('ja', waiting(3))).mend).toContain(FOLDER);
});

test('names are told with their numbers, and how many more there are', async () => {
  const unpriced = (more: number) =>
    ({
      id: 'prices',
      state: 'warn',
      code: 'missing',
      mend: 'x',
      values: { n: 2 + more, unpriced: { '{more}': 1, b: 1200 }, more },
    }) as const;
  expect((await said('de', unpriced(0))).text).toContain(
    ': {more} (1 Anfrage), b (1.200 Anfragen). Berichte',
  );
  expect((await said('de', unpriced(3))).text).toContain('b (1.200 Anfragen) und 3 mehr. Berichte');
  const faults = {
    id: 'faults',
    state: 'warn',
    code: 'failed',
    mend: 'x',
    values: { faults: { A: 1, B: 2 } },
  } as const;
  expect((await said('en', faults)).text).toContain(': A (1 time); B (2 times).');
  const losses = { no_status_line: 'a.b', uncounted: 'c.d' };
  const lost = { id: 'paths', state: 'warn', code: 'lost', mend: 'x', values: { losses } } as const;
  expect((await said('de', lost)).text).toContain(
    ': ohne a.b haben Antworten keine Statuszeile; ohne c.d werden so gestellte Anfragen nicht gezählt.',
  );
});

const spooling = { since: '2026-11-28T20:00:00Z', folder: FOLDER, reason: 'disk full' };
test.each<[string, Partial<Check> & Pick<Check, 'id' | 'state' | 'code'>]>([
  ['no code', { id: 'disk', state: 'fail', code: null }],
  ['an unknown check', { id: 'autoload', state: 'ok', code: 'on' }],
  ['an unknown code', { id: 'redis', state: 'ok', code: 'sentinel' }],
  ['another state', { id: 'redis', state: 'warn', code: 'alone' }],
  ['a value that is missing', { id: 'disk', state: 'ok', code: 'free', values: { bytes: 1 } }],
  [
    'a number that is none',
    { id: 'disk', state: 'ok', code: 'free', values: { bytes: '1 GB', folder: FOLDER } },
  ],
  ['a count that is none', { id: 'paths', state: 'ok', code: 'seen', values: { n: 'many' } }],
  [
    'a time that is none',
    { id: 'ledger', state: 'ok', code: 'written', values: { since: 'an unknown time' } },
  ],
  [
    'an unknown loss',
    { id: 'paths', state: 'warn', code: 'lost', mend: 'x', values: { losses: { new: 'a.b' } } },
  ],
  ['nothing to do', { id: 'ledger', state: 'fail', code: 'spooling', values: spooling }],
  ['something to do', { id: 'redis', state: 'ok', code: 'alone', mend: 'Do this.' }],
])('with %s the server is cited', async (_, check) => {
  expect(await said('de', check)).toEqual({ text: SERVER.text, mend: check.mend ?? null, isEnglish: true });
});
