import { afterEach, expect, test } from 'vitest';
import type { Model } from '../src/model';
import { selectedModels } from '../src/page/selection';

const models = new Map<string, Model>(
  Object.entries({
    'gpt-4o': 'GPT-4o',
    o1: 'o1',
    helper: 'Helper',
    'helper-old': 'Helper',
    odd: 'Odd +1',
  }).map(([id, name]) => [id, { name, base: null, effort: null }]),
);

function page(address: string, session: unknown, ...shown: string[]) {
  history.replaceState(null, '', address);
  sessionStorage.setItem('selectedModels', typeof session === 'string' ? session : JSON.stringify(session));
  document.body.innerHTML = shown
    .map((name, i) => `<button id="model-selector-${i}-button"><span> ${name} </span><svg></svg></button>`)
    .join('');
}
afterEach(() => {
  sessionStorage.clear();
  history.replaceState(null, '', '/');
  document.body.innerHTML = '';
});

test('the selector is believed, not the stale session', () => {
  page('/?models=o1', ['gpt-4o'], 'o1');
  expect(selectedModels(models)).toEqual(['o1']);
});

test('one selector for each model, as before 0.11', () => {
  page('/', null, 'GPT-4o', 'o1');
  expect(selectedModels(models)).toEqual(['gpt-4o', 'o1']);
});

test('one selector for all models: the session of a stored chat knows the others', () => {
  page('/c/1', ['gpt-4o', 'o1'], 'GPT-4o +1');
  expect(selectedModels(models)).toEqual(['gpt-4o', 'o1']);
});

test('on a new chat the address knows them, and beats a stale session', () => {
  page('/?models=gpt-4o,o1', ['gpt-4o', 'helper'], 'GPT-4o +1');
  expect(selectedModels(models)).toEqual(['gpt-4o', 'o1']);
});

test('the pictures of a new chat know them, and those of an open model list do not count', () => {
  page('/', null, 'GPT-4o +1');
  const picture = (id: string) => `<img src="/api/v1/models/model/profile/image?id=${id}&lang=en">`;
  document.body.innerHTML += `${picture('gpt-4o')}${picture('helper')}<div role="listbox">${picture('o1')}</div>`;
  expect(selectedModels(models)).toEqual(['gpt-4o', 'helper']);
});

test('where nothing agrees the first one is known at least', () => {
  page('/c/1', ['o1', 'helper'], 'GPT-4o +2');
  expect(selectedModels(models)).toEqual(['gpt-4o']);
});

test('equal names: the session decides, else the first', () => {
  page('/c/1', ['helper-old'], 'Helper');
  expect(selectedModels(models)).toEqual(['helper-old']);
  page('/c/1', '{broken', 'Helper');
  expect(selectedModels(models)).toEqual(['helper']);
});

test('a name may look like a count', () => {
  page('/', null, 'Odd +1');
  expect(selectedModels(models)).toEqual(['odd']);
});

test('no model chosen is none; no selector at all leaves the session', () => {
  page('/', ['o1'], 'Select a model');
  expect(selectedModels(models)).toEqual([]);
  page('/', ['o1', 'unknown']);
  expect(selectedModels(models)).toEqual(['o1']);
});
