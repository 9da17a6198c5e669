import { gzipSync } from 'node:zlib';
import type { Plugin, Rollup } from 'vite';

/**
 * Fails the build where what a page needs before it shows something weighs more than `most` bytes, gzipped: its entry, and a
 * section that is loaded later together with the entry, each with all that it imports.
 */
export function sizeLimit(most: number): Plugin {
  return {
    name: 'size-limit',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter(
        (file): file is Rollup.OutputChunk => file.type === 'chunk',
      );
      const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
      const needed = (name: string, found = new Set<string>()): Set<string> => {
        if (!found.has(name)) {
          found.add(name);
          for (const imported of byName.get(name)?.imports ?? []) needed(imported, found);
        }
        return found;
      };
      const weigh = (names: Set<string>) =>
        [...names].reduce((sum, name) => sum + gzipSync(byName.get(name)?.code ?? '').length, 0);
      for (const entry of chunks.filter((chunk) => chunk.isEntry)) {
        for (const later of ['', ...entry.dynamicImports]) {
          const names = new Set([...needed(entry.fileName), ...(later ? needed(later) : [])]);
          const weight = weigh(names);
          if (weight > most)
            this.error(`${entry.name} with ${later || 'nothing else'} is ${weight} bytes, of ${most}`);
          if (!later) this.info(`${entry.name}: ${(weight / 1024).toFixed(1)} KiB gzipped at the start`);
        }
      }
    },
  };
}
