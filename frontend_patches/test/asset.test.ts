import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const script = readFileSync('../openwebui_usage/web/usage.js');

test('the built script is within its 15 KB', () => {
  expect(gzipSync(script).length).toBeLessThanOrEqual(15 * 1024);
});

test('it is a classic script that carries its styles and leaves no name behind', () => {
  expect(script.toString()).not.toContain('__USAGE_STYLES__');
  expect(script.toString()).toMatch(/^[!(]function\(\)/);
  expect(() => new Function(script.toString())).not.toThrow();
});
