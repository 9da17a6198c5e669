import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const CONTAINED = ['@fontsource/noto-sans-math', 'dompurify', 'highlight.js', 'marked', 'svelte', 'temml'];

/** What the licences of others ask for: their text goes wherever their code does. */
function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle() {
      const texts = CONTAINED.map((name) => {
        const folder = `node_modules/${name}`;
        const file = name === 'svelte' ? 'LICENSE.md' : 'LICENSE';
        return `${name}\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
      });
      this.emitFile({
        type: 'asset',
        fileName: 'licences.txt',
        source: texts.join(`\n${'-'.repeat(80)}\n\n`),
      });
    },
  };
}

/**
 * The page of the token client: one script, with what colours code and shows formulas apart, one style sheet and one
 * icon, all with fixed names and relative addresses.
 */
export default defineConfig({
  root: 'client',
  base: './',
  plugins: [svelte({ configFile: '../svelte.config.js' }), licences()],
  esbuild: { legalComments: 'inline' },
  build: {
    target: 'es2022',
    outDir: '../../openwebui_usage/web/client',
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'client.js',
        chunkFileNames: '[name].js',
        assetFileNames: ({ names }) => (names[0]?.endsWith('.woff2') ? '[name][extname]' : 'client[extname]'),
        banner: '/*! The licences of the packages in here: licences.txt */',
      },
    },
  },
});
