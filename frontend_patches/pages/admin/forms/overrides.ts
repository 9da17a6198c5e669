/** Exceptions from a limit as they are typed, from what the server has and back. */
import type { components } from '../../../src/openapi';
import { language } from '../../lib/language';
import { readNumber, writeNumber } from '../../lib/numbers';

type Override = components['schemas']['UsageBudget']['overrides'][number];
export const OVERRIDE_KINDS = ['user', 'user_group', 'role'] as const;
export type OverrideKind = (typeof OVERRIDE_KINDS)[number];
/** Open WebUI's roles that may ask for anything. */
export const ROLES = ['admin', 'user'] as const;

export interface OverrideFields {
  /** To tell it from the others while they are typed. */
  key: number;
  kind: OverrideKind;
  id: string;
  limit: string;
  isLimited: boolean;
}

let keys = 0;

export const newOverride = (): OverrideFields => ({
  key: ++keys,
  kind: 'user_group',
  id: '',
  limit: '',
  isLimited: true,
});

export function overrideFields(override: Override): OverrideFields {
  const of = override as Partial<Record<OverrideKind, string>>;
  const kind = OVERRIDE_KINDS.find((each) => of[each] !== undefined) ?? 'user';
  return {
    key: ++keys,
    kind,
    id: of[kind] ?? '',
    limit: writeNumber(override.limit, language()),
    isLimited: override.limit !== null,
  };
}

/** Whether each says for whom it is, and how much. */
export const areWhole = (overrides: readonly OverrideFields[]): boolean =>
  overrides.every(
    ({ id, limit, isLimited }) =>
      id !== '' && (!isLimited || typeof readNumber(limit, language()) === 'number'),
  );

/** What is no number is sent as it is: the server says what is wrong with it. */
export const overrideBodies = (overrides: readonly OverrideFields[]) =>
  overrides.map(({ kind, id, limit, isLimited }) => ({
    [kind]: id,
    limit: isLimited ? (readNumber(limit, language()) as number | null) : null,
  }));
