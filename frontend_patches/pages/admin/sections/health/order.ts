/** Checks as they are shown: what does not work first. */
import type { components } from '../../../../src/openapi';

export type Check = components['schemas']['HealthCheck'];

const ORDER = { fail: 0, warn: 1, ok: 2 } as const;

/** Those of one state stay in the server's order. */
export const inOrder = (checks: readonly Check[]): Check[] =>
  [...checks].sort((a, b) => ORDER[a.state] - ORDER[b.state]);
