import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

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
          file.code = file.code.replaceAll('__USAGE_STYLES__', () => JSON.stringify(css));
      }
    },
  };
}

/**
 * Takes two features out of Svelte's runtime that this script cannot use: taking over markup that a server has rendered, and
 * state that is reactive in depth (ours is `$state.raw` or primitive). They are 0.9 KB of 14, gzipped.
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
  return {
    name: 'lean-runtime',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      const file = Object.keys(replacements).find((name) => id.endsWith(name));
      if (!file) return null;
      return Object.entries(replacements[file] ?? {})
        .map(([name, value]) => `export const ${name} = ${value};`)
        .join('\n');
    },
  };
}

export default defineConfig({
  plugins: [leanRuntime(), svelte(), stylesIntoScript()],
  build: {
    target: 'es2022',
    outDir: '../openwebui_usage/web',
    emptyOutDir: false, // other built assets live there too
    cssCodeSplit: false,
    lib: { entry: 'src/main.ts', formats: ['iife'], name: 'openwebuiUsage', fileName: () => 'usage.js' },
  },
  test: { environment: 'happy-dom', include: ['test/**/*.test.ts'] },
  // Without it vitest resolves Svelte's server build.
  ...(process.env['VITEST'] && { resolve: { conditions: ['browser'] } }),
});
