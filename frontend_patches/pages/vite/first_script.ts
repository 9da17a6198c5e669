import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'vite';

const PLACE = '<!-- first script -->';

/**
 * The one script that runs before anything is painted. A classic script with a hash in its name, because modules run
 * later, and a strict Content-Security-Policy has no inline scripts.
 */
export function firstScript(entry: string): Plugin {
  return {
    name: 'first-script',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      const { outputFiles } = await build({
        entryPoints: [resolve(import.meta.dirname, entry)],
        bundle: true,
        minify: true,
        write: false,
        format: 'iife',
        target: 'es2022',
      });
      const code = outputFiles[0]?.text ?? '';
      const fileName = `assets/first-${createHash('sha256').update(code).digest('hex').slice(0, 8)}.js`;
      this.emitFile({ type: 'asset', fileName, source: code });
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.html')) continue;
        const html = String(file.source);
        if (!html.includes(PLACE)) this.error(`${file.fileName} has no place for the first script`);
        file.source = html.replace(PLACE, `<script src="./${fileName}"></script>`);
      }
    },
  };
}
