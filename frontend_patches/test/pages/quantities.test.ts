import { expect, test } from 'vitest';
import { Format } from '../../pages/lib/format';
import { quantity } from '../../pages/lib/quantities';
import { loadWords } from '../../pages/lib/words';

test.each([
  ['en', 1, 'requests', '1 request'],
  ['en', 1234, 'tokens', '1,234 tokens'],
  ['en', 0.7, 'requests', '1 request'],
  ['en', 1, 'usd', '$1.00'],
  ['de', 1, 'requests', '1 Anfrage'],
  ['ru', 3, 'requests', '3 запроса'],
] as const)('in %s, %d %s is "%s"', async (language, n, unit, text) => {
  await loadWords(language);
  expect(quantity(n, unit, new Format(language, 'UTC'))).toBe(text);
});
