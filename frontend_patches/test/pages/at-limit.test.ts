import { expect, test } from 'vitest';
import { atLimitBody, atLimitFields, type AtLimitFields } from '../../pages/admin/forms/at_limit';

const typed = (changed: Partial<AtLimitFields>): AtLimitFields => ({ ...atLimitFields(), ...changed });

test('a new budget refuses at its limit, and does nothing before', () => {
  expect(atLimitBody(atLimitFields(), 'month')).toEqual({
    action: 'block',
    fallback_model: null,
    effort_from: null,
    strict: false,
    cap_output: false,
    carry_over: 'none',
  });
});

test('what is typed is sent, whether it is right or not', () => {
  expect(atLimitBody(typed({ action: 'slow', slowUpTo: 'long', effortFrom: '8o' }), 'month')).toMatchObject({
    slow_up_to: 'long',
    effort_from: '8o',
  });
  expect(atLimitBody(typed({ carry: 'some', carryUpTo: '5' }), 'month').carry_over).toBe(5);
});

test('nothing is sent that the form does not show and the server would refuse', () => {
  const all = { effortFrom: '80', capOutput: true, carry: 'all', slowUpTo: 'long' } as const;
  expect(atLimitBody(typed({ ...all, action: 'warn' }), 'month')).toMatchObject({
    cap_output: false,
    carry_over: 'all',
  });
  expect(atLimitBody(typed({ ...all, action: 'warn' }), 'month')).not.toHaveProperty('slow_up_to');
  expect(atLimitBody(typed({ ...all, action: 'slow' }), 'minute')).toMatchObject({
    action: 'block',
    effort_from: null,
    cap_output: false,
    carry_over: 'none',
  });
  expect(atLimitBody(typed(all), 'last 5 hours').carry_over).toBe('none');
});
