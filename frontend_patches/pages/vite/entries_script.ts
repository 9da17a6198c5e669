import { resolve } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'vite';

/**
 * The module that puts links to these pages into Open WebUI's own. It stands alone, under a name without a hash: the script
 * that asks for it is served by an other room, which knows nothing of this build.
 */
export function entriesScript(entry: string, fileName: string): Plugin {
  return {
    name: 'entries-script',
    apply: 'build',
    async generateBundle() {
      const { outputFiles } = await build({
        entryPoints: [resolve(import.meta.dirname, entry)],
        bundle: true,
        minify: true,
        write: false,
        format: 'esm',
        target: 'es2022',
        charset: 'utf8',
      });
      this.emitFile({ type: 'asset', fileName, source: outputFiles[0]?.text ?? '' });
    },
  };
}
