/**
 * Which rows of a long table are drawn: blocks of them that are in sight or nearly, with gaps of the same height in place of
 * the others. Rows may differ in height; that of a block is known once it was drawn, and guessed before.
 */

/** Rows of a block. */
export const BLOCK = 50;
/** Pixels of a row before any was drawn. */
const ROW = 31;
/** Pixels that are drawn beyond what is in sight, each way. */
const MARGIN = 600;

/** A block that is drawn, or the height of those that are not. */
export type Piece = { block: number } | { gap: number; key: string };

export const blockOf = (row: number): number => Math.floor(row / BLOCK);

export class RowWindow {
  readonly #heights = new Map<number, number>();
  #pixels = 0;
  #blocks = 0;

  /** Tells how high a whole block is drawn; blocks that are not full do not count. */
  measured(block: number, height: number): void {
    const before = this.#heights.get(block);
    if (before === undefined) this.#blocks += 1;
    this.#pixels += height - (before ?? 0);
    this.#heights.set(block, height);
  }

  /** What stands for `count` rows while `top` pixels of them are scrolled out and the next `room` are seen. `kept`: rows to draw in any case. */
  pieces(count: number, top: number, room: number, kept: readonly number[] = []): Piece[] {
    const blocks = Math.ceil(count / BLOCK);
    const pieces: Piece[] = [];
    const blocksToKeep = new Set(kept.map(blockOf));
    // There may have been more rows when it was scrolled.
    const total = Array.from({ length: blocks }, (_, block) => this.#heightOf(block, count)).reduce(
      (sum, height) => sum + height,
      0,
    );
    const from = Math.min(top, Math.max(0, total - room)) - MARGIN;
    const to = from + room + 2 * MARGIN;
    let gap = 0;
    let y = 0;
    const close = (before: string) => {
      if (gap) pieces.push({ gap, key: `before ${before}` });
      gap = 0;
    };
    for (let block = 0; block < blocks; block++) {
      const height = this.#heightOf(block, count);
      const isNear = y + height > from && y < to;
      if (isNear || blocksToKeep.has(block)) {
        close(`${block}`);
        pieces.push({ block });
      } else gap += height;
      y += height;
    }
    close('the end');
    return pieces;
  }

  #heightOf(block: number, count: number): number {
    const usual = this.#blocks ? this.#pixels / this.#blocks / BLOCK : ROW;
    const rows = Math.min(BLOCK, count - block * BLOCK);
    return rows < BLOCK ? rows * usual : (this.#heights.get(block) ?? rows * usual);
  }
}
