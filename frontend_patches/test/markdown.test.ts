import { Marked } from 'marked';
import { expect, test } from 'vitest';
import { formulas } from '../client/formulas';
import { reader } from '../client/markdown';
import { highlight } from '../client/highlight';

const marked = new Marked({ extensions: formulas });

test.each([
  ['the root \\(\\sqrt{x}\\) of x', '<p>the root <math-tex>\\sqrt{x}</math-tex> of x</p>\n'],
  ['so:\n\\[\na < b\n\\]\nas said', '<p>so:</p>\n<math-tex display>a &lt; b</math-tex><p>as said</p>\n'],
  ['$$\nx\n$$', '<math-tex display>x</math-tex>'],
  ['in $$x$$ a line', '<p>in <math-tex display>x</math-tex> a line</p>\n'],
  ['where $n^2$, that is', '<p>where <math-tex>n^2</math-tex>, that is</p>\n'],
  ['from $5 to $10, or $5-$10', '<p>from $5 to $10, or $5-$10</p>\n'],
  ['`\\(x\\)` and \\(not closed', '<p><code>\\(x\\)</code> and (not closed</p>\n'],
  ['\\(<img onerror=x>\\)', '<p><math-tex>&lt;img onerror=x&gt;</math-tex></p>\n'],
])('%j', (text, expected) => expect(marked.parse(text)).toBe(expected));

test('a piece that did not change stays the same object while the text grows', () => {
  const read = reader();
  const [first] = read('# One\n\nTwo');
  const [again, second] = read('# One\n\nTwo and more');
  expect(again).toBe(first);
  expect(second).toEqual({ html: expect.stringContaining('Two and more') });
});

test('a link whose address comes at the end is one', () => {
  const read = reader();
  read('See [this][1].');
  expect(read('See [this][1].\n\n[1]: https://example.com')[0]).toEqual({
    html: expect.stringContaining('href="https://example.com"'),
  });
});

test('code is coloured where its language is known, and escaped in any case', () => {
  expect(highlight('if a < b: pass', 'python')).toBe(
    '<span class="hljs-keyword">if</span> a &lt; b: <span class="hljs-keyword">pass</span>',
  );
  expect(highlight('x', 'no such language')).toBeNull();
});
