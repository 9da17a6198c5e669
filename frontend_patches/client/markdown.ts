import DOMPurify from 'dompurify';
import { Marked, type Token, type Tokens } from 'marked';
import { escaped, formulas } from './formulas';

/** A piece of an answer: a block of code, or HTML that holds nothing but text and its formatting. */
export type Block = { code: string; language: string } | { html: string };

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text), // an answer about HTML shows it
    // No address is loaded that nobody clicked: it could carry what was said to somebody else.
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
  },
  extensions: formulas,
});

const TAGS = [
  ...[
    'a',
    'b',
    'blockquote',
    'br',
    'code',
    'del',
    'em',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'i',
    'input',
  ],
  ...['li', 'math-tex', 'ol', 'p', 'pre', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
];
const OPTIONS = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ['href', 'title', 'align', 'start', 'type', 'checked', 'disabled', 'display', 'dir'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ['align', 'start', 'type', 'display', 'dir'], // no addresses, though they would be looked at as such
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};
const DIRECTED = /^(?:P|H[1-6]|LI|TD|TH|BLOCKQUOTE)$/;

DOMPurify.addHook('afterSanitizeAttributes', (element) => {
  if (element.tagName === 'A') {
    element.setAttribute('target', '_blank');
    element.setAttribute('rel', 'noopener noreferrer nofollow');
  }
  if (element.tagName === 'INPUT' && element.getAttribute('type') !== 'checkbox') element.remove();
  if (DIRECTED.test(element.tagName)) element.setAttribute('dir', 'auto'); // Arabic and Hebrew run from right to left
});

/**
 * Reads an answer while it grows: each call cuts the text, as far as it has come, at its top. A piece that did not
 * change since the last call is the same object.
 */
export function reader(): (text: string) => Block[] {
  let known = new Map<string, Block>();
  return (text) => {
    const now = new Map<string, Block>();
    const tokens = marked.lexer(text).filter((token) => token.type !== 'space');
    // Links by reference depend on what comes later, so where there are any, nothing is kept.
    const keeps = !tokens.some((token) => token.type === 'def');
    const blocks = tokens.map((token) => {
      const block = (keeps && known.get(token.raw)) || read(token);
      now.set(token.raw, block);
      return block;
    });
    known = now;
    return blocks;
  };
}

function read(token: Token): Block {
  if (token.type === 'code') {
    const { text, lang } = token as Tokens.Code;
    return { code: text, language: (lang ?? '').split(/\s/)[0] ?? '' };
  }
  return { html: DOMPurify.sanitize(marked.parser([token]), OPTIONS) };
}
