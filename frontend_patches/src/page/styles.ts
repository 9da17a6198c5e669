declare const __USAGE_STYLES__: string; // filled in by the build

/** The components' styles as a constructed sheet: no <style> element for a content security policy to refuse. */
export function adoptStyles(): void {
  if (typeof __USAGE_STYLES__ === 'undefined') return;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(__USAGE_STYLES__);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
