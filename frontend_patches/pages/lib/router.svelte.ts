/**
 * The address is the state: a path below the page and a query, so that a reload, a link and the browser's back button
 * find what was shown.
 */
import { pageUrl } from './root';

/** How a parameter is read from the query and written into it. */
export interface Codec<T> {
  read(values: string[]): T;
  /** Nothing for what is not worth an entry: the value where nobody has chosen. */
  write(value: T): string[];
}

export const text = (usual = ''): Codec<string> => ({
  read: ([value]) => value ?? usual,
  write: (value) => (value === usual ? [] : [value]),
});

export const oneOf = <T extends string>(values: readonly T[], usual: T): Codec<T> => ({
  read: ([value]) => values.find((each) => each === value) ?? usual,
  write: (value) => (value === usual ? [] : [value]),
});

export const flag = (usual = false): Codec<boolean> => ({
  read: ([value]) => (value === undefined ? usual : value === '1'),
  write: (value) => (value === usual ? [] : [value ? '1' : '0']),
});

export const integer = (usual: number, least = -Infinity, most = Infinity): Codec<number> => ({
  read: ([value]) => {
    const n = Number(value);
    return value && Number.isInteger(n) && n >= least && n <= most ? n : usual;
  },
  write: (value) => (value === usual ? [] : [`${value}`]),
});

export const list = (): Codec<string[]> => ({ read: (values) => values, write: (values) => values });

type Values<C> = { -readonly [K in keyof C]: C[K] extends Codec<infer T> ? T : never };

/** A name as part of a path: slashes stay what they are, so that the page is as deep as its address says. */
export const inPath = (name: string): string => name.split('/').map(encodeURIComponent).join('/');

class Router {
  #url = $state.raw(new URL(location.href));
  #base = '';

  /** Follows the address of a page, `''` or `admin/`; returns how to stop. */
  start(base: string): () => void {
    this.#base = base;
    this.#url = new URL(location.href);
    const moved = () => (this.#url = new URL(location.href));
    addEventListener('popstate', moved);
    document.addEventListener('click', this.#clicked);
    return () => {
      removeEventListener('popstate', moved);
      document.removeEventListener('click', this.#clicked);
    };
  }

  /** What is open within the page: `calls` of `/usage/admin/calls`. */
  get path(): string {
    const base = pageUrl(this.#base).pathname;
    return this.#url.pathname.startsWith(base)
      ? this.#url.pathname.slice(base.length).replace(/\/$/, '')
      : '';
  }

  get query(): URLSearchParams {
    return this.#url.searchParams;
  }

  /** The address of something within the page, for links. */
  href(path: string, query: Record<string, string | readonly string[] | undefined> = {}): string {
    const url = pageUrl(`${this.#base}${path}`);
    for (const [name, value] of Object.entries(query)) {
      for (const each of typeof value === 'string' ? [value] : (value ?? []))
        url.searchParams.append(name, each);
    }
    return `${url.pathname}${url.search}`;
  }

  /** Opens an address within the page. */
  go(href: string, { replace = false } = {}): void {
    const url = new URL(href, location.href);
    if (url.href === location.href) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', url);
    const moved = url.pathname !== this.#url.pathname;
    this.#url = url;
    if (moved) scrollTo(0, 0);
  }

  /** Links within the page need no new one. */
  #clicked = (event: MouseEvent): void => {
    if (
      event.defaultPrevented ||
      event.button ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[href]');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    const base = pageUrl(this.#base).pathname;
    const rest = link.pathname.startsWith(base) ? link.pathname.slice(base.length) : null;
    // From everybody's page a link into the admins' leads to another one.
    if (rest === null || (this.#base === '' && rest.startsWith('admin'))) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    this.go(link.href);
  };
}

export const router = new Router();

/**
 * Typed parameters of the query.
 *
 *     const state = new Parameters({ bucket: oneOf(BUCKETS, 'day'), model: list() });
 *     state.values.bucket
 *     state.set({ bucket: 'hour' })
 */
export class Parameters<C extends Record<string, Codec<unknown>>> {
  readonly #codecs: C;
  readonly values: Values<C> = $derived.by(() => {
    const entries = Object.entries(this.#codecs).map(([name, codec]) => [
      name,
      codec.read(router.query.getAll(name)),
    ]);
    return Object.fromEntries(entries) as Values<C>;
  });

  constructor(codecs: C) {
    this.#codecs = codecs;
  }

  /** The address with other values; parameters of others stay. */
  href(changes: Partial<Values<C>>): string {
    const url = new URL(location.pathname, location.href);
    url.search = router.query.toString();
    for (const [name, value] of Object.entries(changes)) {
      url.searchParams.delete(name);
      const codec = this.#codecs[name];
      for (const each of codec?.write(value) ?? []) url.searchParams.append(name, each);
    }
    return `${url.pathname}${url.search}`;
  }

  /** Changes some; without an entry in the browser's history, for the back button leads to another page, not another filter. */
  set(changes: Partial<Values<C>>, { replace = true } = {}): void {
    router.go(this.href(changes), { replace });
  }
}
