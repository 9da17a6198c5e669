/** Where things are in Open WebUI's page, by the ids that all its versions from 0.6.18 to 0.12 share; labels are translated. */

/** The box around the chat input, in its form; null while there is none on screen. */
export function inputBox(): HTMLElement | null {
  const input = document.getElementById('chat-input');
  const form = input?.closest('form');
  if (!form) return null;
  const box =
    document.getElementById('message-input-container') ??
    document.getElementById('chat-input-container')?.parentElement; // 0.6.18
  return box && box !== form && form.contains(box) ? box : null;
}

const rem = (): number => parseFloat(getComputedStyle(document.documentElement).fontSize) || 16; // px

/** Puts `host` right before the box, with room for so many lines of text (1rem each), or for none. */
export function placeAbove(host: HTMLElement, box: HTMLElement, lines: number): void {
  host.style.position = 'relative';
  host.style.height = `${lines}rem`;
  box.before(host);
  const gap = host.parentElement ? getComputedStyle(host.parentElement).rowGap : '';
  host.style.marginBottom = lines ? '' : `-${parseFloat(gap) || 0}px`;
}

/** How many lines of text fit between the box and the heading of a new chat. */
const FREE = 2;

/**
 * Makes room in `host` for the `height` px of what it shows, which else grows upwards over the page, but for a line at least.
 * Where that would move the box, as in the middle of a new chat, room only for what fits nowhere else. Returns the lines.
 */
export function makeRoom(host: HTMLElement, box: HTMLElement, height: number): number {
  const wanted = Math.max(1, Math.round(height / rem()));
  const top = box.getBoundingClientRect().top;
  host.style.height = `${wanted}rem`;
  if (Math.abs(box.getBoundingClientRect().top - top) > 0.5)
    host.style.height = `${Math.max(1, wanted - FREE)}rem`;
  return wanted;
}

/** Puts `host` left of the Web Search button, which is right of the integrations menu. False where there is no such place. */
export function placeInRow(host: HTMLElement, box: HTMLElement): boolean {
  if (host.isConnected && box.contains(host)) return true;
  const row = [...box.querySelectorAll<HTMLElement>('div[dir=ltr]')].find((div) =>
    div.classList.contains('justify-between'),
  );
  const left = row?.firstElementChild;
  if (!left) return false;

  let neighbour: Element | null = document.getElementById('integration-menu-button');
  if (neighbour && left.contains(neighbour)) {
    while (
      neighbour.parentElement &&
      neighbour.parentElement !== left &&
      !neighbour.parentElement.classList.contains('overflow-x-auto')
    )
      neighbour = neighbour.parentElement;
    neighbour.after(host);
  } else {
    // 0.6.18, where the buttons stand in the row themselves, and users who may use no integration.
    const buttons = left.querySelector(':scope > div.overflow-x-auto');
    if (buttons) buttons.prepend(host);
    else left.append(host);
  }
  return true;
}
