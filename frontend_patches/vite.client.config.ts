import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { licences } from './pages/vite/licences';

const CONTAINED = ['@fontsource/noto-sans-math', 'dompurify', 'highlight.js', 'marked', 'svelte', 'temml'];

/**
 * The page of the token client: one script, with what colours code and shows formulas apart, one style sheet and one
 * icon, all with fixed names and relative addresses.
 */
export default defineConfig({
  root: 'client',
  base: './',
  plugins: [svelte({ configFile: '../svelte.config.js' }), licences(CONTAINED)],
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
