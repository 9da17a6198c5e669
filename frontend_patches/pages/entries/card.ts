const STYLES = `
.openwebui-usage-card { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem;
  margin-block-end: 1rem; padding: .625rem .875rem; border: 1px solid var(--color-gray-100, #ececec); border-radius: .75rem;
  color: var(--color-gray-600, #676767); font-size: .75rem; line-height: 1.4 }
.openwebui-usage-card a { color: var(--color-gray-900, #171717); font-weight: 500; text-decoration: underline;
  text-underline-offset: 2px }
html.dark .openwebui-usage-card { border-color: rgb(255 255 255 / .08); color: var(--color-gray-400, #b4b4b4) }
html.dark .openwebui-usage-card a { color: #fff }
`;
let styled = false;

/** One line of text with a link. Its styles are a constructed sheet, which no content security policy refuses. */
export function card(text: string, anchor: HTMLAnchorElement): HTMLElement {
  if (!styled) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    styled = true;
  }
  const box = document.createElement('div');
  box.className = 'openwebui-usage-card';
  box.append(Object.assign(document.createElement('span'), { textContent: text }), anchor);
  return box;
}
