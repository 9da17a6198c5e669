/** The colour of a name, the same as in Open WebUI's own analytics: by Java's string hash. */
export function colorOf(name: string): string {
  let hash = 0;
  for (const character of name) hash = (Math.imul(31, hash) + character.charCodeAt(0)) | 0;
  return `hsl(${((hash % 360) + 360) % 360}, 65%, 52%)`;
}

/** Of what is no name: all that is not among the top, or that has none. */
export const NEUTRAL = 'var(--chart-neutral)';
