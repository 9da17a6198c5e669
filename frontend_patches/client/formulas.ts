import type { TokenizerAndRendererExtension } from 'marked';

const DISPLAY = /^ {0,3}(?:\\\[([^]+?)\\\]|\$\$([^]+?)\$\$)/;
// A dollar sign is one of a formula only where it can hardly be money: `$5 and $10` is none.
const INLINE = /^(?:\\\(([^]+?)\\\)|\$(?![\s$])((?:\\.|[^\\$\n])+?)(?<!\s)\$(?![\w$]))/;

/** Formulas, in the two ways that models write them, as `<math-tex>`, which math.ts shows. */
export const formulas = [
  formula(
    'display',
    'block',
    /(?<=\n) {0,3}(?:\\\[|\$\$)/,
    new RegExp(`${DISPLAY.source}(?=[ \\t]*(?:\\n|$))`),
  ),
  formula('display', 'inline', /\\\[|\$\$/, DISPLAY),
  formula('inline', 'inline', /\\\(|\$/, INLINE),
];

function formula(
  kind: 'display' | 'inline',
  level: 'block' | 'inline',
  start: RegExp,
  whole: RegExp,
): TokenizerAndRendererExtension {
  const name = `${kind}-${level}`;
  const display = kind === 'display' ? ' display' : '';
  return {
    name,
    level,
    start: (text) => {
      const at = text.search(start);
      return at < 0 ? undefined : at;
    },
    tokenizer(text) {
      const match = whole.exec(text);
      const tex = match?.slice(1).find((part) => part?.trim());
      return match && tex ? { type: name, raw: match[0], tex } : undefined;
    },
    renderer: ({ tex }) => `<math-tex${display}>${escaped(String(tex).trim())}</math-tex>`,
  };
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for a place in HTML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
}
