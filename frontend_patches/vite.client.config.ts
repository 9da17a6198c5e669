import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const LICENCES = `/*! Contains Svelte, (c) Svelte contributors, and marked, (c) 2018-2026 MarkedJS, (c) 2011-2018 Christopher Jeffrey, both under the MIT License. */`;

/** The page of the token client: one script, one style sheet, one icon, all with fixed names and relative addresses. */
export default defineConfig({
  root: 'client',
  base: './',
  plugins: [svelte({ configFile: '../svelte.config.js' })],
  esbuild: { legalComments: 'inline' }, // what the licences of marked and DOMPurify ask for
  build: {
    target: 'es2022',
    outDir: '../../openwebui_usage/web/client',
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: 'client.js', assetFileNames: 'client[extname]', banner: LICENCES },
    },
  },
});
