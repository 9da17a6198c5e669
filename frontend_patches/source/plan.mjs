/**
 * Which text every file is to hold, worked out without touching one.
 *
 * Texts have one character for each byte (latin1), so that what is written is what was read.
 */
import { PLACES, TRACE } from './places.mjs';

/** @typedef {{ name: string, file: string, text: string }} Edit a text of ours that stands in a file of Open WebUI's */
/** @typedef {Map<string, string>} Texts by path; a file that is not there is missing here too */
/** @typedef {{ index: number, length: number }} Match */

/** Says why nothing was changed: one line for each reason, with file and line. */
export class Refusal extends Error {
  /** @param {string[]} reasons @param {number} [status] */
  constructor(reasons, status = 1) {
    super(reasons.join('\n'));
    this.status = status;
  }
}

/** @param {string} text @param {number} index */
const lineAt = (text, index) => text.slice(0, index).split('\n').length;

/** @param {string} text @param {string | RegExp} what @returns {Match[]} */
function occurrences(text, what) {
  const pattern = typeof what === 'string' ? what.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : what.source;
  const flags = typeof what === 'string' ? 'g' : `${what.flags}g`;
  return [...text.matchAll(new RegExp(pattern, flags))].map((match) => ({
    index: match.index,
    length: match[0].length,
  }));
}

/**
 * The texts without what was put in. An edit that is gone already is no matter; one that was changed is a reason to refuse.
 *
 * @param {Texts} texts
 * @param {readonly Edit[]} edits
 * @returns {Texts}
 */
export function takeOut(texts, edits) {
  /** @type {string[]} */
  const reasons = [];
  /** @type {Texts} */
  const result = new Map();
  for (const [file, text] of texts) {
    /** @type {Match[]} */
    const ours = [];
    let rest = text; // with blanks where our text was, so that line numbers hold
    for (const edit of edits.filter((each) => each.file === file)) {
      const [found] = occurrences(rest, edit.text);
      if (found) {
        ours.push(found);
        const blank = edit.text.replace(/[^\n]/g, ' ');
        rest = rest.slice(0, found.index) + blank + rest.slice(found.index + found.length);
      }
    }
    for (const { index } of occurrences(rest, TRACE))
      reasons.push(
        `${file}:${lineAt(text, index)}: is a line of openwebui-usage that was changed, doubled, or put there by hand: take it out`,
      );
    // From the end to the beginning, so that the positions hold.
    ours.sort((one, other) => other.index - one.index);
    result.set(
      file,
      ours.reduce((left, { index, length }) => left.slice(0, index) + left.slice(index + length), text),
    );
  }
  if (reasons.length) throw new Refusal(reasons);
  return result;
}

/**
 * The texts with all that is ours put in, what that was, and the line of each.
 *
 * @param {Texts} texts
 * @returns {{ texts: Texts, edits: Edit[], lines: string[] }}
 */
export function putIn(texts) {
  /** @type {string[]} */
  const reasons = [];
  /** @type {{ edit: Edit, at: number, line: string }[]} */
  const found = [];
  for (const place of PLACES) {
    const { name, file } = place;
    const source = texts.get(file);
    const [match, ...others] = source === undefined ? [] : occurrences(source, place.anchor);
    if (source === undefined) reasons.push(`${file}: is missing (anchor "${name}")`);
    else if (!match) reasons.push(missing(place, source));
    else if (others.length) {
      const [first, second] = [match, ...others].map(({ index }) => lineAt(source, index));
      const times = others.length + 1;
      reasons.push(
        `${file}:${second}: anchor "${name}" is there ${times} times, for the first time in line ${first}`,
      );
    } else {
      const end = match.index + match.length;
      const at = place.put === 'before' ? match.index : end;
      const text = asThere(place, source.slice(match.index, end), source.includes('\r\n'));
      found.push({ edit: { name, file, text }, at, line: `${file}:${lineAt(source, at)}: ${name}` });
    }
  }
  if (reasons.length) throw new Refusal(reasons);

  const result = new Map(texts);
  for (const { edit, at } of [...found].sort((one, other) => other.at - one.at)) {
    const source = result.get(edit.file) ?? '';
    result.set(edit.file, source.slice(0, at) + edit.text + source.slice(at));
  }
  return { texts: result, edits: found.map(({ edit }) => edit), lines: found.map(({ line }) => line) };
}

/** @param {import('./places.mjs').Place} place @param {string} source */
function missing({ name, file, landmark }, source) {
  const near = occurrences(source, landmark).map(({ index }) => `${file}:${lineAt(source, index)}`);
  const what = near.length
    ? `${near.join(', ')}: "${landmark}" is here, but not as expected`
    : `${file}:1: "${landmark}" is nowhere in this file`;
  return `${what} (anchor "${name}" is missing)`;
}

/**
 * A whole line gets the indentation of the line next to it, and the file's line ends.
 *
 * @param {import('./places.mjs').Place} place
 * @param {string} anchor what matched
 * @param {boolean} windows
 */
function asThere({ put, text }, anchor, windows) {
  if (!text.endsWith('\n')) return text;
  const lines = anchor.trimEnd().split('\n');
  const indent = /^[\t ]*/.exec(lines.at(put === 'before' ? 0 : -1) ?? '')?.[0] ?? '';
  return indent + (windows ? text.replaceAll('\n', '\r\n') : text);
}
