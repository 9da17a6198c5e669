/** Round numbers for an axis from 0 to at least `most`: at most `count` steps of 1, 2 or 5 times a power of ten. */
export function ticks(most: number, count = 4, whole = false): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = ([1, 2, 5, 10].find((n) => n * power >= rough * 0.999_999) ?? 10) * power;
  if (whole) step = Math.max(1, step);
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => i * step);
}
