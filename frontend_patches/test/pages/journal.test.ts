import { expect, test } from 'vitest';
import { detailsOf } from '../../pages/admin/sections/journal/details';
import { Format } from '../../pages/lib/format';
import { loadWords } from '../../pages/lib/words';

const german = new Format('de', 'UTC');

test('a change is told in the words of the form', async () => {
  await loadWords('de');
  const before = { limit: 1000.5, action: 'block', period: 'month', models: ['*'], effort_from: null };
  const after = { limit: 12, action: 'slow', period: 'last 5 hours', models: ['a', 'b'], effort_from: 80 };
  expect(detailsOf({ change: 'changed', before, after }, german)).toEqual([
    'Grenze: 1.000,5 → 12',
    'An der Grenze: Weitere Anfragen ablehnen → Anfragen warten lassen',
    'Beginnt neu: im Monat → in den letzten 5 Stunden',
    'Modelle: * → a, b',
    'Weniger nachdenken ab, in Prozent der Grenze: – → 80',
  ]);
});

test('what it has no words for is told as it is', async () => {
  await loadWords('de');
  const change = { change: 'changed', before: { of_all: { a: 1 } }, after: null } as const;
  expect(detailsOf(change, german)).toEqual(['of_all: {"a":1} → –']);
  expect(detailsOf({ change: 'added', before: null, after: { limit: 1 } }, german)).toEqual([]);
});
