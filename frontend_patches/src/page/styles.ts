/** The components' styles as a constructed sheet: no <style> element for a content security policy to refuse. */
export function adoptStyles(): void {
  // The build writes them in here, after it has made the code small: so name it once.
  const styles = (globalThis as { __USAGE_STYLES__?: string }).__USAGE_STYLES__;
  if (!styles) return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
