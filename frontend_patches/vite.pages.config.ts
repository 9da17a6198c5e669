import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { entriesScript } from './pages/vite/entries_script';
import { firstScript } from './pages/vite/first_script';
import { licences } from './pages/vite/licences';
import { sizeLimit } from './pages/vite/size_limit';
import { words } from './pages/vite/words';

const FOLDER = resolve(import.meta.dirname, 'pages');
/** What listens on the socket: a script of its own, loaded when the page is there. */
const SOCKET = [
  'socket.io-client',
  'socket.io-parser',
  'engine.io-client',
  'engine.io-parser',
  '@socket.io/component-emitter',
];
const isOfSocket = (id: string): boolean =>
  id.endsWith('pages/lib/socket.ts') || SOCKET.some((name) => id.includes(`node_modules/${name}/`));

/**
 * The pages at /usage/: a shell and an entry each for everybody and for admins, whose sections are loaded when they are
 * opened. All addresses are relative, and all names but the shells' have a hash of the content.
 */
export default defineConfig({
  root: FOLDER,
  base: './',
  publicDir: false,
  plugins: [
    words(),
    svelte({ configFile: '../svelte.config.js' }),
    firstScript('../lib/first.ts'),
    entriesScript('../entries/main.ts', 'entries.js'),
    licences(['svelte', ...SOCKET], 'assets/licences.txt'),
    sizeLimit(80_000),
  ],
  build: {
    target: 'es2022',
    outDir: resolve(import.meta.dirname, '../openwebui_usage/web/pages'),
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { my: resolve(FOLDER, 'my.html'), admin: resolve(FOLDER, 'admin.html') },
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
        // One style sheet and one script for what both pages share, not twenty small ones.
        manualChunks: (id) =>
          !isOfSocket(id) &&
          /node_modules|vite\/|pages\/(lib|components)\//.test(id) &&
          !id.includes('virtual:words')
            ? 'shared'
            : null,
      },
    },
  },
});
