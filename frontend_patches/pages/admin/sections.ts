import type { Component } from 'svelte';
import type { components } from '../../src/openapi';

export type Access = components['schemas']['OwnAccess'];

/** A page of the admins' pages: a tab, and what is loaded when it is opened. */
export interface Section {
  /** Its place in the address, and its name's in `words/admin.json`: `/usage/admin/ID`; what comes behind is its own. */
  id: string;
  load: () => Promise<{ default: Component<SectionProps> | Component<Record<string, never>> }>;
  /** Admins alone, or whoever reads reports as well. */
  for: 'admins' | 'readers';
}

export interface SectionProps {
  access: Access;
  /** What of the address is the section's own: `x` of `/usage/admin/ID/x`. */
  path: string;
}

/** In the order of the tabs; the first is what opens at `/usage/admin/`. */
export const SECTIONS: readonly Section[] = [
  { id: 'overview', for: 'readers', load: () => import('./sections/overview/Overview.svelte') },
  { id: 'calls', for: 'readers', load: () => import('./sections/calls/Calls.svelte') },
  { id: 'groups', for: 'admins', load: () => import('./sections/groups/Groups.svelte') },
  { id: 'budgets', for: 'admins', load: () => import('./sections/budgets/Budgets.svelte') },
  { id: 'prices', for: 'admins', load: () => import('./sections/prices/Prices.svelte') },
  { id: 'refusals', for: 'readers', load: () => import('./sections/refusals/Refusals.svelte') },
  { id: 'settings', for: 'admins', load: () => import('./sections/settings/Settings.svelte') },
  { id: 'journal', for: 'admins', load: () => import('./sections/journal/Journal.svelte') },
  { id: 'health', for: 'admins', load: () => import('./sections/health/Health.svelte') },
  { id: 'start', for: 'admins', load: () => import('./sections/start/FirstSteps.svelte') },
];

/** What somebody may open. */
export const sectionsFor = (access: Access): Section[] =>
  SECTIONS.filter((section) => access.admin || (section.for === 'readers' && access.reports !== 'own'));
