/** What the lines in Open WebUI's own files use: `frontend_patches/source/places.mjs` says which and where. */
export { default as Counter } from './Counter.svelte';
export { default as Effort } from './Effort.svelte';
export { reasoning } from './usage.svelte';
