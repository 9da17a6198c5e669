/** Room above the input for the counter, so that nothing on the page moves when its lines come and go. */

/** Remembers how many lines there were, 0 for a server without groups, so that room is kept for those and no others. */
const LINES_KEY = 'openwebuiUsageLines';

/** How many lines of text fit between the box and the heading of a new chat. */
const FREE = 2;

const rem = (): number => parseFloat(getComputedStyle(document.documentElement).fontSize) || 16; // px

/**
 * Takes room in `host` for as many lines of text as there were last time (1rem each), or for none and the gap after it.
 * Says whether for any.
 */
export function restoreSpace(host: HTMLElement): boolean {
  const lines = Number(localStorage.getItem(LINES_KEY) ?? 1) || 0;
  const gap = host.parentElement ? getComputedStyle(host.parentElement).rowGap : '';
  host.style.position = 'relative';
  host.style.height = `${lines}rem`;
  host.style.marginBottom = lines ? '' : `-${parseFloat(gap) || 0}px`;
  return lines > 0;
}

/**
 * Makes room in `host` for the `height` px of what it shows, which else grows upwards over the page, but for a line at least.
 * Where that would move the box, as in the middle of a new chat, room only for what fits nowhere else.
 */
export function reserveSpace(host: HTMLElement, box: HTMLElement, height: number): void {
  const lines = Math.max(1, Math.round(height / rem()));
  const top = box.getBoundingClientRect().top;
  host.style.height = `${lines}rem`;
  if (Math.abs(box.getBoundingClientRect().top - top) > 0.5)
    host.style.height = `${Math.max(1, lines - FREE)}rem`;
}

/** Remembers for next time that what is shown is `height` px high; `any` is whether there is anything to show for any model. */
export function rememberSpace(height: number, any: boolean): void {
  localStorage.setItem(LINES_KEY, `${any ? Math.max(1, Math.round(height / rem())) : 0}`);
}
