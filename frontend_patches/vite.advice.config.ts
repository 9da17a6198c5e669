import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** What counter and menu say of usual use: a module that is loaded when they are first used, and what loads it then. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'es2022',
    outDir: '../openwebui_usage/web',
    emptyOutDir: false, // other built assets live there too
    minify: 'terser',
    rollupOptions: {
      input: {
        advice: resolve(import.meta.dirname, 'src/advice/main.ts'),
        'advice-when-used': resolve(import.meta.dirname, 'src/advice/when_used.ts'),
      },
      output: { entryFileNames: '[name].js' },
    },
    modulePreload: false,
  },
});
