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
  calls: 3,
  estimated_calls: 0,
  cost: 0.0123,
  unpriced_calls: 0,
  ...fields,
});
export const group = (fields: Partial<Group> = {}): Group => ({
  models: ['o*'],
  limit: null,
  usage: usage(),
  all_time: { in: 1234, out: 5678, total: 6912 },
  counting: 'documented',
  period: 'total',
  timezone: 'UTC',
  action: 'block',
  soft_limits: [80, 95],
  resets_at: null,
  remaining: null,
  ...fields,
});
export const budget = (fields: Partial<Budget> = {}): Budget => ({
  name: 'family',
  scope: 'everyone',
  unit: 'usd',
  limit: 10,
  used: 3.2,
  remaining: 6.8,
  period: 'total',
  resets_at: null,
  models: ['*'],
  group: null,
  action: 'block',
  limit_from: 'budget',
  fallback_model: null,
  wait_seconds: 0,
  low_effort: false,
  ...fields,
});

/** What a menu offers at least, and at most. */
export const DOCUMENTED: readonly Effort[] = ['low', 'medium', 'high'];
export const EFFORTS: readonly Effort[] = ['default', 'none', 'minimal', ...DOCUMENTED, 'xhigh', 'max'];
