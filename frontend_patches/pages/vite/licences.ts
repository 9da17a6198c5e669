import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

/** What the licences of others ask for: their text goes wherever their code does. */
export function licences(packages: readonly string[], fileName = 'licences.txt'): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const texts = packages.map((name) => {
        const file = name === 'svelte' ? 'LICENSE.md' : 'LICENSE';
        const path = resolve(import.meta.dirname, '../../node_modules', name, file);
        return `${name}\n\n${readFileSync(path, 'utf8').trim()}\n`;
      });
      this.emitFile({ type: 'asset', fileName, source: texts.join(`\n${'-'.repeat(80)}\n\n`) });
    },
  };
}
