const GAP = 4; // px between an element and what it opens, and between that and the edge of the window

/**
 * Puts `element`, which is in the top layer, next to `anchor`: a tooltip above it and centred, a list below it and flush with
 * its start, and on the other side where there is no room.
 */
export function place(element: HTMLElement, anchor: Element, is: 'tooltip' | 'list'): void {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const [above, below] = [at.top - GAP - height, at.bottom + GAP];
  const top = (is === 'list' ? below + height + GAP <= innerHeight : above < GAP) ? below : above;
  const flush = getComputedStyle(anchor).direction === 'rtl' ? at.right - width : at.left;
  const left = is === 'list' ? flush : (at.left + at.right - width) / 2;
  element.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
  element.style.top = `${Math.max(GAP, top)}px`;
}
