import { readFileSync } from 'node:fs';
import type { Budget, Group, Usage, Effort } from '../src/model';
import type { Words } from '../src/words';

/** What the server says in each language. */
export const DICTIONARY = JSON.parse(
  readFileSync('../openwebui_usage/api/translations.json', 'utf8'),
) as Record<string, Words>;
export const ENGLISH = DICTIONARY['en'] as Words;

export const usage = (fields: Partial<Usage> = {}): Usage => ({
  in: 1234,
  out: 5678,
  total: 6912,
  cached: 200,
  completion: 3456,
  reasoning: 2222,
  billed: 4690,
  cost: 0.0123,
  unpriced_calls: 0,
  ...fields,
});
export const group = (fields: Partial<Group> = {}): Group => ({
  models: ['o*'],
  limit: null,
  usage: usage(),
  resets_at: null,
  ...fields,
});
export const budget = (fields: Partial<Budget> = {}): Budget => ({
  name: 'family',
  unit: 'usd',
  limit: 10,
  used: 3.2,
  resets_at: null,
  models: ['*'],
  group: null,
  ...fields,
});

/** What a menu offers at least, and at most. */
export const DOCUMENTED: readonly Effort[] = ['low', 'medium', 'high'];
export const EFFORTS: readonly Effort[] = ['default', 'none', 'minimal', ...DOCUMENTED, 'xhigh', 'max'];
