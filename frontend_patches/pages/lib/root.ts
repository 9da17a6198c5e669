/**
 * Where the pages are, such as `https://chat.example/usage/`. Whoever builds a page takes this address from the script's
 * own, so that all works behind a proxy that puts Open WebUI below a path.
 */
let pages = new URL('/usage/', location.href);

/** Tells where the built scripts are: in `assets/` of the pages. */
export function setRoot(script: string): void {
  pages = new URL('..', script);
}

/** An address below the pages: `pageUrl('admin/calls')`. */
export const pageUrl = (path: string): URL => new URL(path, pages);

/** An address of Open WebUI: `hostUrl('c/…')`, `hostUrl('api/usage/me')`. */
export const hostUrl = (path: string): URL => new URL(`../${path.replace(/^\//, '')}`, pages);
