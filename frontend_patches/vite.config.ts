import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { words } from './pages/vite/words';

/** Puts the components' styles into the script, where `page/styles.ts` asks for them, so that one file is the whole. */
function stylesIntoScript(): Plugin {
  return {
    name: 'styles-into-script',
    enforce: 'post',
    generateBundle(_options, bundle) {
      let css = '';
      for (const [name, file] of Object.entries(bundle)) {
        if (file.type === 'asset' && name.endsWith('.css')) {
          css += String(file.source).trim();
          delete bundle[name];
        }
      }
      for (const file of Object.values(bundle)) {
        if (file.type === 'chunk')
          file.code = file.code.replaceAll('globalThis.__USAGE_STYLES__', () => JSON.stringify(css));
      }
    },
  };
}

/**
 * Takes two features out of Svelte's runtime that this script cannot use: taking over markup that a server has rendered, and
 * state that is reactive in depth (ours is `$state.raw` or primitive). They are 0.8 KB of the 15 that it may weigh, gzipped.
 *
 * The build fails where that would no longer be true: where one of the two files is gone or exports other names, and where a
 * component asks for state in depth.
 */
function leanRuntime(): Plugin {
  const nothing = '() => {}';
  const replacements: Record<string, Record<string, string>> = {
    'svelte/src/internal/client/dom/hydration.js': {
      hydrating: 'false',
      hydrate_node: 'null',
      set_hydrating: nothing,
      set_hydrate_node: nothing,
      hydrate_next: nothing,
      hydrate_template: nothing,
      next: nothing,
      remove_nodes: nothing,
      read_hydration_instruction: nothing,
      reset: nothing,
    },
    'svelte/src/internal/client/proxy.js': {
      proxy: '(value) => value',
      get_proxied_value: '(value) => value',
      is: 'Object.is',
    },
  };
  const left = new Set(Object.keys(replacements));
  return {
    name: 'lean-runtime',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      const name = Object.keys(replacements).find((file) => id.endsWith(file));
      if (!name) return null;
      const ours = replacements[name] ?? {};
      const theirs = readFileSync(id, 'utf8').matchAll(/^export (?:function|let|const|class) (\w+)/gm);
      const names = [...theirs].map(([, exported]) => exported).sort();
      if (names.join() !== Object.keys(ours).sort().join())
        this.error(`${name} exports ${names.join(', ')}: look at it again, or build without lean-runtime`);
      left.delete(name);
      return Object.entries(ours)
        .map(([exported, value]) => `export const ${exported} = ${value};`)
        .join('\n');
    },
    moduleParsed({ id, code }) {
      if (!id.includes('node_modules') && code?.includes('$.proxy('))
        this.error(
          `${id}: state has to be $state.raw or primitive, for lean-runtime takes $state in depth away`,
        );
    },
    // The text of an error that no code of ours can raise or see: nothing here asks for an abort signal.
    renderChunk: (code) =>
      code.replace('The reaction that called `getAbortSignal()` was re-run or destroyed', ''),
    buildEnd(error) {
      if (!error && left.size) this.error(`Svelte's runtime has no ${[...left].join(', ')}`);
    },
  };
}

export default defineConfig({
  plugins: [
    leanRuntime(),
    // Shorter than Svelte's own, for it stands in every selector of a script that has to be small.
    svelte({ compilerOptions: { cssHash: ({ css, hash }) => `u-${hash(css).slice(0, 2)}` } }),
    stylesIntoScript(),
    words(),
  ],
  build: {
    target: 'es2022',
    outDir: '../openwebui_usage/web',
    emptyOutDir: false, // other built assets live there too
    cssCodeSplit: false,
    minify: 'terser', // 0.6 KB less than esbuild's
    terserOptions: {
      ecma: 2020,
      compress: {
        passes: 3,
        pure_getters: true,
        unsafe_arrows: true,
        unsafe_methods: true,
        keep_fargs: false,
      },
    },
    lib: { entry: 'src/main.ts', formats: ['iife'], name: 'openwebuiUsage', fileName: () => 'usage.js' },
  },
  test: { environment: 'happy-dom', include: ['test/**/*.test.ts'] },
  // Without the condition vitest resolves Svelte's server build.
  ...(process.env['VITEST'] && {
    resolve: {
      conditions: ['browser'],
      alias: { $lib: fileURLToPath(new URL('test/host', import.meta.url)) },
    },
  }),
});
