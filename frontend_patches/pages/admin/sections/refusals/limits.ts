/** Refusals by the limit that refused. */
import type { components } from '../../../../src/openapi';

export type Refusal = components['schemas']['Refusals'];

export interface LimitSum {
  limit: Refusal['limit'];
  unit: Refusal['unit'];
  calls: number;
  /** In `unit`. */
  amount: number;
  people: number;
}

/** A limit whose unit was changed meanwhile tells the amount of the unit that refused last. */
export function byLimit(refusals: readonly Refusal[]): LimitSum[] {
  const sums = new Map<string, LimitSum & { users: Set<string>; last: string }>();
  for (const { limit, unit, calls, amount, user, last_at } of refusals) {
    const key = `${limit.kind} ${limit.id}`;
    let sum = sums.get(key);
    if (!sum)
      sums.set(key, (sum = { limit, unit, calls: 0, amount: 0, people: 0, users: new Set(), last: last_at }));
    sum.calls += calls;
    if (unit === sum.unit) sum.amount += amount;
    else if (last_at > sum.last) [sum.unit, sum.amount] = [unit, amount];
    if (last_at > sum.last) sum.last = last_at;
    sum.users.add(user?.id ?? '');
    sum.people = sum.users.size;
  }
  return [...sums.values()].map(({ users: _, last: __, ...sum }) => sum);
}
