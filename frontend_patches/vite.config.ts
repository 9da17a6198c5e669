import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

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

export default defineConfig({
  plugins: [svelte(), stylesIntoScript()],
  build: {
    target: 'es2022',
    outDir: '../openwebui_usage/web',
    emptyOutDir: false, // other built assets live there too
    cssCodeSplit: false,
    lib: { entry: 'src/main.ts', formats: ['iife'], name: 'openwebuiUsage', fileName: () => 'usage.js' },
  },
  test: { environment: 'happy-dom', include: ['test/**/*.test.ts'] },
  // Without it vitest resolves Svelte's server build.
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
} as Parameters<typeof defineConfig>[0]);
