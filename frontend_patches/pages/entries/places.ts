/**
 * Where Open WebUI's pages get a link to ours, each only where its anchor is found: ids and addresses that all versions from
 * 0.6.43 to 0.12 share, never labels, which are translated. What is added takes its looks from its neighbour.
 */
import { card } from './card';
import type { EntryWords } from './words';

export const MY_PAGE = '/usage/';
export const ADMIN_PAGE = '/usage/admin/';

/**
 * One of our links. `add` puts a new one where it belongs; null where it has no place now. It is asked at each change of the
 * page, so it finds out by means that cost next to nothing.
 */
export interface Entry {
  name: string;
  add(words: () => EntryWords): Element | null;
}

/** A link that the host's router leaves to the browser: our pages are none of its own. */
export function link(href: string, text: string): HTMLAnchorElement {
  const anchor = Object.assign(document.createElement('a'), { href, textContent: text, draggable: false });
  anchor.setAttribute('data-sveltekit-reload', '');
  return anchor;
}

/** An element with the looks of `other`, and nothing in it. */
function like(other: Element | null | undefined): HTMLElement {
  const element = document.createElement(other?.tagName === 'SPAN' ? 'span' : 'div');
  element.className = other?.className ?? '';
  return element;
}

/** Three bars, drawn as the host draws its icons. */
function icon(): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const attributes = { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  svg.setAttribute('class', 'size-4');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', 'M5 20v-7M12 20V4M19 20v-11');
  path.setAttribute('stroke-width', '1.5');
  path.setAttribute('stroke-linecap', 'round');
  svg.append(path);
  return svg;
}

/** In the sidebar, below Search and what the user has pinned. Outside of that list, whose children can be reordered. */
const sidebar: Entry = {
  name: 'sidebar',
  add(words) {
    const button = document.getElementById('sidebar-search-button');
    const row = button?.parentElement;
    if (!button || !row) return null;
    const [iconBox, labelBox] = button.children;
    const holder = like(iconBox);
    holder.append(icon());
    const text = like(labelBox?.firstElementChild);
    text.textContent = words().usage;
    const label = like(labelBox);
    label.append(text);
    const anchor = link(MY_PAGE, '');
    anchor.className = button.className;
    anchor.append(holder, label);
    const entry = like(row);
    entry.append(anchor);
    (document.getElementById('pinned-menu-items-list') ?? row).after(entry);
    return entry;
  },
};

/** Pixels; an open sidebar that is not drawn to its end is wider. */
const WIDEST_RAIL = 100;

/**
 * In the narrow rail that stands for a sidebar that is closed, as the last of its icons. It has no ids; the first icon leads
 * to a new chat.
 */
const rail: Entry = {
  name: 'rail',
  add(words) {
    // Beside it there may be the sidebar itself, of the same id, folded to nothing.
    const bar = [...document.querySelectorAll('[id="sidebar"]')].find(
      (each) => !each.querySelector('#sidebar-search-button'),
    );
    const first = bar?.querySelector('a[href="/"]');
    if (!bar || !first || bar.clientWidth > WIDEST_RAIL) return null;
    let row = first;
    while (row.parentElement && row.parentElement.id !== 'sidebar' && !row.nextElementSibling)
      row = row.parentElement;
    const icons = row.parentElement;
    if (!icons || icons.id === 'sidebar') return null;
    const holder = like(first.firstElementChild);
    holder.append(icon());
    const anchor = link(MY_PAGE, '');
    anchor.className = first.className;
    anchor.title = words().usage;
    anchor.setAttribute('aria-label', words().usage);
    anchor.append(holder);
    anchor.addEventListener('click', (event) => event.stopPropagation()); // the rail itself opens the sidebar
    const entry = like(row);
    entry.append(anchor);
    icons.append(entry);
    return entry;
  },
};

/** What most of some tabs look like: the one that is selected looks different. */
function usualLooks(tabs: Iterable<Element>): string {
  const counts = new Map<string, number>();
  for (const { className } of tabs) counts.set(className, (counts.get(className) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0] ?? '';
}

/** In the Admin Panel's row of tabs. */
const adminTabs: Entry = {
  name: 'admin',
  add(words) {
    if (!location.pathname.startsWith('/admin')) return null;
    const tab = document.querySelector('nav a[href="/admin/evaluations"]');
    if (!tab?.parentElement) return null;
    const anchor = link(ADMIN_PAGE, words().usage);
    anchor.className = usualLooks(tab.parentElement.querySelectorAll(':scope > a'));
    tab.after(anchor);
    return anchor;
  },
};

/** Below the heading of a page whose numbers are estimates of the host's. */
const above = (name: string, id: string, href: string, open: (words: EntryWords) => string): Entry => ({
  name,
  add(words) {
    const panel = document.getElementById(id);
    // Not in the panel itself, which may be there for other pages later.
    const heading = panel?.querySelector('h2')?.parentElement;
    if (!heading || heading === panel) return null;
    const entry = card(words().exact, link(href, open(words())));
    heading.after(entry);
    return entry;
  },
});

export const ENTRIES: readonly Entry[] = [
  sidebar,
  rail,
  adminTabs,
  above('settings', 'tab-usage', MY_PAGE, (words) => words.open),
  above('analytics', 'tab-admin-analytics', ADMIN_PAGE, (words) => words.manage),
];
