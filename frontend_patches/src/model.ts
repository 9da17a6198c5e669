/** What the server tells the page. All token counts are whole numbers across all users of a group. */

export const EFFORTS = ['low', 'medium', 'high'] as const;
export type Effort = (typeof EFFORTS)[number];

export interface Usage {
  in: number;
  out: number;
  total: number;
}

export interface Group {
  /** Model ids or globs: `*` is any run of characters, `?` is one. */
  models: string[];
  /** In tokens; null where the group has no limit. */
  limit: number | null;
  usage: Usage;
}

export interface Model {
  /** As Open WebUI's model selector shows it; not unique. */
  name: string;
  /** The model a workspace model is built on. */
  base: string | null;
  /** The effort of a model that reasons when nobody has chosen one; null where there is nothing to choose. */
  effort: Effort | null;
}

export type Groups = ReadonlyMap<string, Group>;
export type Models = ReadonlyMap<string, Model>;

export function isEffort(value: unknown): value is Effort {
  return (EFFORTS as readonly unknown[]).includes(value);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** Reads `{NAME: group}` from an answer or an event; null stands for a group that is gone, nonsense is left out. */
export function readGroups(value: unknown): Map<string, Group | null> {
  const groups = new Map<string, Group | null>();
  if (!isRecord(value)) return groups;
  for (const [name, group] of Object.entries(value)) {
    if (group === null) groups.set(name, null);
    else if (isRecord(group) && Array.isArray(group['models'])) {
      const usage = isRecord(group['usage']) ? group['usage'] : {};
      groups.set(name, {
        models: group['models'].filter((model) => typeof model === 'string'),
        limit: typeof group['limit'] === 'number' ? group['limit'] : null,
        usage: { in: count(usage['in']), out: count(usage['out']), total: count(usage['total']) },
      });
    }
  }
  return groups;
}

export function readModels(value: unknown): Models {
  const models = new Map<string, Model>();
  if (!isRecord(value)) return models;
  for (const [id, model] of Object.entries(value)) {
    if (!isRecord(model)) continue;
    models.set(id, {
      name: typeof model['name'] === 'string' ? model['name'] : id,
      base: typeof model['base'] === 'string' ? model['base'] : null,
      effort: isEffort(model['effort']) ? model['effort'] : null,
    });
  }
  return models;
}
