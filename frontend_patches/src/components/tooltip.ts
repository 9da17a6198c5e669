import { place } from './place';
import './tooltip.css';

/** A heading, and labels with what they say. */
export interface Content {
  title: string;
  rows?: readonly (readonly [string, string])[];
}

let count = 0;

/**
 * A tooltip of `anchor`, as Open WebUI's own look (styles: tooltip.css): while the pointer is on it, and while it has the focus by
 * keyboard; Escape hides it. Where there is no pointer that hovers, a tap opens it.
 *
 * `content` is asked when it opens, null for no tooltip now, and each time that `update` is called while it is open. It is no
 * component: what a tooltip needs is less code than a component is.
 */
export function tooltip(
  anchor: HTMLElement,
  content: () => Content | null,
): { update(): void; destroy(): void } {
  const box = document.createElement('div');
  box.className = 'openwebui-usage-tip';
  box.id = `openwebui-usage-tip-${++count}`;
  box.role = 'tooltip';
  box.popover = 'manual';

  const part = (text: string) => Object.assign(document.createElement('span'), { textContent: text });
  const update = () => {
    const now = box.isConnected && content();
    if (!now) return hide();
    box.replaceChildren(part(now.title), ...(now.rows ?? []).flatMap((row) => row.map(part)));
    if (now.rows) anchor.setAttribute('aria-describedby', box.id);
    place(box, anchor, 'tooltip');
  };
  const show = () => {
    anchor.after(box);
    box.showPopover?.(); // the top layer: nothing in the page can clip it
    update();
  };
  const hide = () => box.remove();

  const listeners = new AbortController();
  const on = (type: string, listener: (event: Event) => unknown) =>
    anchor.addEventListener(type, listener, { signal: listeners.signal });
  // Not "mouseenter": a tap makes one up, ahead of its click.
  const byMouse = (then: () => void) => (event: Event) =>
    (event as PointerEvent).pointerType === 'mouse' && then();
  on('pointerenter', byMouse(show));
  on('pointerleave', byMouse(hide));
  on('focus', () => anchor.matches(':focus-visible') && show());
  on('blur', hide);
  on('click', () => (!box.isConnected && matchMedia('(hover: none)').matches ? show() : hide()));
  on('keydown', (event) => {
    if (!box.isConnected || (event as KeyboardEvent).key !== 'Escape') return;
    event.stopPropagation(); // Open WebUI has shortcuts of its own
    hide();
  });
  return {
    update,
    destroy() {
      listeners.abort();
      hide();
    },
  };
}
