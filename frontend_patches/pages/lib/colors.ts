/** Degrees between two hues that are still told apart in a chart. */
const APART = 30;

/** The hue of a name, the same as in Open WebUI's own analytics: by Java's string hash. */
function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (Math.imul(31, hash) + character.charCodeAt(0)) | 0;
  return ((hash % 360) + 360) % 360;
}

/** The way from a hue to the next one of a list, on either side. */
const distance = (hue: number, used: readonly number[]): number =>
  Math.min(...used.map((other) => 180 - Math.abs(180 - (Math.abs(hue - other) % 360))));

/** In the middle of the greatest gap between hues, of which there is one at least. */
function freeHue(used: readonly number[]): number {
  const around = [...used].sort((a, b) => a - b);
  const gaps = around.map((hue, i) => ({ hue, gap: (around[i + 1] ?? (around[0] ?? 0) + 360) - hue }));
  const { hue, gap } = gaps.reduce((most, next) => (next.gap > most.gap ? next : most));
  return Math.round(hue + gap / 2) % 360;
}

/**
 * Colours of names in one chart. A name has the colour that it has in Open WebUI's own analytics, unless one before it has
 * nearly the same: then one that is far from all others.
 */
export function colorsOf(names: readonly string[]): string[] {
  const used: number[] = [];
  for (const name of names) {
    const hue = hueOf(name);
    used.push(used.length && distance(hue, used) < APART ? freeHue(used) : hue);
  }
  return used.map((hue) => `hsl(${hue}, 65%, 52%)`);
}

/** Of what is no name: all that is not among the top, or that has none. */
export const NEUTRAL = 'var(--chart-neutral)';
