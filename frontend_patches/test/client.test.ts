import { beforeEach, expect, test } from 'vitest';
import { keptToken, takeTokenFromAddress } from '../client/token';
import { duration, money, thinking } from '../client/words';

test.each([
  [0.2, '1 sec'],
  [12.34, '12 sec'],
  [59.7, '1 min'],
  [72, '1 min 12 sec'],
  [3600, '1 h'],
  [3725, '1 h 2 min'],
])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text));

test('an answer says how long it was thought about, and in which mode', () => {
  expect(thinking(72, true)).toBe('Thinking for 1 min 12 sec (Pro Mode)');
  expect(thinking(72, false)).toBe('Thinking for 1 min 12 sec');
});

test.each([
  [0, '$0.00'],
  [1234.5, '$1,234.50'],
  [0.04, '$0.04'],
  [0.0045595, '$0.0046'],
  [0.00000012, '$0.00000012'],
])('%d dollars are %s', (dollars, text) => expect(money(dollars)).toBe(text));

beforeEach(() => {
  sessionStorage.clear();
  history.replaceState(null, '', '/');
});

test.each(['/o1/?token=ab12cd34', '/o1/#token=ab12cd34'])(
  'a token leaves the address %s at once',
  (address) => {
    history.replaceState(null, '', address);
    takeTokenFromAddress();
    expect(location.href).not.toContain('ab12cd34');
    expect(location.pathname).toBe('/o1/');
    expect(keptToken()).toBe('ab12cd34');
  },
);

test('an address without a token stays as it is', () => {
  history.replaceState(null, '', '/o1/?a=b#c');
  takeTokenFromAddress();
  expect(location.pathname + location.search + location.hash).toBe('/o1/?a=b#c');
  expect(keptToken()).toBeNull();
});
