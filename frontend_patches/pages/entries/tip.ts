import type { EntryWords } from './words';

const LINE = '[data-usage-part=counter] [data-usage-group]';
const tips = document.getElementsByClassName('openwebui-usage-tip');

/** Where a tap opens the tooltip; a click of a mouse or by a key had nothing to do yet. */
const taps = () => matchMedia('(hover: none)').matches;

/**
 * Has a click on a line of the counter open `href`, as its tooltip says; where a tap opens the tooltip, a tap on its last row.
 * What is being written stays: the host keeps drafts.
 */
export function openByLine(href: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${LINE} { cursor: pointer }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  document.addEventListener('click', ({ target }) => {
    if (target instanceof Element && target.closest(LINE) && !taps()) location.assign(href);
  });
}

/** Puts that row into the tooltip that is open, if it is one of the counter's. */
export function detailsInTip(href: string, words: () => EntryWords): void {
  const tip = tips[0];
  if (!(tip instanceof HTMLElement) || tip.querySelector('[data-usage-entry]')) return;
  if (!tip.previousElementSibling?.matches(LINE)) return;
  const row = Object.assign(document.createElement('span'), {
    textContent: taps() ? words().details : words().click,
  });
  row.dataset['usageEntry'] = 'details';
  row.style.cssText =
    'grid-column: 1 / -1; text-align: start; text-decoration: underline; pointer-events: auto';
  // Not "click": before that comes the line loses the focus, and the tooltip goes. A finger that scrolls lifts off no pointer.
  row.addEventListener('pointerup', ({ button }) => button === 0 && location.assign(href));
  tip.append(row);
  moveUp(tip, row.offsetHeight);
}

/** A tooltip that stands above its line was placed before it got one row more. */
function moveUp(tip: HTMLElement, by: number): void {
  const line = tip.previousElementSibling;
  const top = Number.parseFloat(tip.style.top);
  if (line && top < line.getBoundingClientRect().top) tip.style.top = `${Math.max(4, top - by)}px`;
}
