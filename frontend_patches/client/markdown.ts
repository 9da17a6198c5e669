import DOMPurify from 'dompurify';
import { Marked, type Token, type Tokens } from 'marked';

/** A piece of an answer: a block of code, or HTML that holds nothing but text and its formatting. */
export type Block = { code: string; language: string } | { html: string };

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text), // an answer about HTML shows it
    // No address is loaded that nobody clicked: it could carry what was said to somebody else.
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
  },
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
  ...['li', 'ol', 'p', 'pre', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
];
const OPTIONS = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ['href', 'title', 'align', 'start', 'type', 'checked', 'disabled'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ['align', 'start', 'type'], // no addresses, though they would be looked at as such
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

DOMPurify.addHook('afterSanitizeAttributes', (element) => {
  if (element.tagName === 'A') {
    element.setAttribute('target', '_blank');
    element.setAttribute('rel', 'noopener noreferrer nofollow');
  }
  if (element.tagName === 'INPUT' && element.getAttribute('type') !== 'checkbox') element.remove();
});

/** An answer, whole or as far as it has come, cut at the top so that only the last piece changes while it grows. */
export function blocks(text: string): Block[] {
  return marked.lexer(text).flatMap((token) => (token.type === 'space' ? [] : [block(token)]));
}

function block(token: Token): Block {
  if (token.type === 'code') {
    const { text, lang } = token as Tokens.Code;
    return { code: text, language: (lang ?? '').split(/\s/)[0] ?? '' };
  }
  return { html: DOMPurify.sanitize(marked.parser([token]), OPTIONS) };
}
