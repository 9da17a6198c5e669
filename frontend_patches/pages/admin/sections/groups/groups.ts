/** Usage groups as a list. */
import type { components } from '../../../../src/openapi';

export type Group = components['schemas']['UsageGroup'] & { name: string };
export type Forecast = components['schemas']['UsageForecast'];

export const groupsOf = (answer: components['schemas']['UsageGroups']): Group[] =>
  Object.entries(answer.groups).map(([name, group]) => ({ ...group, name }));

export const keyOf = (name: string): string => `group ${name}`;
