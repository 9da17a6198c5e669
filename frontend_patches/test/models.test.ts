import { beforeEach, expect, test } from 'vitest';
import { adviseModels, worstOf } from '../src/advice/models';
import { Say } from '../src/advice/say';
import type { Budget } from '../src/model';
import { UsageState } from '../src/state.svelte';
import { budget, group, usage } from './support';

const FULL = { used: 10, limit: 10 };
const say = new Say('en-US');
let state: UsageState;

beforeEach(() => {
  document.body.innerHTML = '';
  state = new UsageState();
  state.models = new Map(
    ['o3', 'o1', 'small'].map((id) => [id, { name: id === 'small' ? 'Small one' : id, base: id } as never]),
  );
  state.selected = ['o3'];
});

const limitedBy = (...budgets: Partial<Budget>[]) => {
  state.budgets = budgets.map((fields) => budget({ ...FULL, ...fields }));
  return (id: string) => worstOf([id], state);
};

test('the limit that keeps a model longest is told, whether of a group or a budget', () => {
  const told = limitedBy(
    { action: 'slow', wait_seconds: 3 },
    { action: 'fallback', fallback_model: 'small' },
    { models: ['o3'], resets_at: '2026-12-01T00:00:00Z' },
    { models: ['o3'], resets_at: '2027-01-01T00:00:00Z' },
    { models: ['o1'], used: 9 },
  );
  expect(told('o3')).toEqual({ is: 'blocked', until: '2027-01-01T00:00:00Z' });
  expect(told('o1')).toEqual({ is: 'fallback', model: 'Small one' });
  expect(told('small')).toEqual({ is: 'slow', seconds: 3 });
  state.groups = new Map([['G', group({ models: ['o1'], limit: 5, usage: usage({ total: 5 }) })]]);
  expect(told('o1')).toEqual({ is: 'blocked', until: null });
});

test('a model in the menu says so as long as it is so, and nothing of what is none of ours', () => {
  document.body.innerHTML = `
    <button id="model-selector-0-button">o3</button>
    <button role="option" data-value="o3">o3</button>
    <button role="option" data-value="o1" title="Theirs">o1</button>
    <button role="option" data-value="unknown"></button>`;
  const [opener, o3, o1, unknown] = [...document.querySelectorAll('button')];
  limitedBy({ models: ['o*'], resets_at: '2026-12-01T12:00:00Z' });
  expect(adviseModels(state, say)).toBe(true);
  for (const element of [opener, o3]) {
    expect(element?.title).toMatch(/^Limit reached until Dec 1, 2026/);
    expect(element?.getAttribute('aria-description')).toBe(element?.title);
    expect(element?.dataset['usageLimit']).toBe('blocked');
  }
  expect([o1?.title, unknown?.title]).toEqual(['Theirs', '']);
  limitedBy({ models: ['o*'], action: 'fallback', fallback_model: 'small' });
  adviseModels(state, say);
  expect(o3?.title).toBe('Limit reached: Small one answers');
  expect(o3?.dataset['usageLimit']).toBe('other');
  limitedBy();
  adviseModels(state, say);
  for (const element of [opener, o3]) {
    expect(element?.hasAttribute('title')).toBe(false);
    expect(element?.hasAttribute('data-usage-limit')).toBe(false);
  }
  o3?.remove();
  o1?.remove();
  expect(adviseModels(state, say)).toBe(false);
});
