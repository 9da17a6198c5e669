/** Models, users and user groups of this Open WebUI, for those who choose among them. */
import type { components } from '../../src/openapi';
import { matches } from '../../src/matching';
import { get } from './api';

export type ModelChoice = components['schemas']['ModelChoice'];

export interface Named {
  id: string;
  name: string;
  /** What tells two of the same name apart. */
  detail?: string;
}
export type Kind = 'user' | 'user-group';

let models: Promise<ModelChoice[]> | undefined;

/** All models; asked for once. */
export function deployedModels(): Promise<ModelChoice[]> {
  models ??= get('/api/usage/directory/models').then(
    (answer) => answer.models,
    (error: unknown) => {
      models = undefined;
      throw error;
    },
  );
  return models;
}

/** Those whose calls count where `patterns` are counted: a workspace model counts by its base's id, too. */
export const matching = (patterns: readonly string[], all: readonly ModelChoice[]): ModelChoice[] =>
  all.filter(({ id, base }) =>
    patterns.some((pattern) => matches(pattern, id) || (base && matches(pattern, base))),
  );

/** Users or user groups by a part of their name, or by their ids. */
export async function find(
  kind: Kind,
  query: { search?: string; id?: string[] },
  signal?: AbortSignal,
): Promise<Named[]> {
  const options = { query, ...(signal && { signal }) };
  if (kind === 'user-group') return (await get('/api/usage/directory/user-groups', options)).user_groups;
  const { users } = await get('/api/usage/directory/users', options);
  return users.map(({ id, name, email }) => ({ id, name, detail: email }));
}

/** Names by id; who is gone has none. */
export async function namesOf(
  kind: Kind,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const all = [...new Set(ids)];
  const parts = Array.from({ length: Math.ceil(all.length / 50) }, (_, i) => all.slice(50 * i, 50 * (i + 1)));
  const found = await Promise.all(parts.map((id) => find(kind, { id }, signal)));
  return new Map(found.flat().map(({ id, name }) => [id, name]));
}
