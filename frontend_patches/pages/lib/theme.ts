/** Open WebUI's themes, from where it keeps them: `localStorage.theme`. */

const OLED = {
  '--color-gray-800': '#101010',
  '--color-gray-850': '#050505',
  '--color-gray-900': '#000',
  '--color-gray-950': '#000',
};
const BARS = { light: '#ffffff', dark: '#171717', oled: '#000000', her: '#983724' };

function chosen(): string {
  try {
    return localStorage.getItem('theme') ?? 'system';
  } catch {
    return 'system';
  }
}

/** Puts the theme's classes, colours and the colour of the browser's bar onto the document. */
export function applyTheme(): void {
  const { classList, style } = document.documentElement;
  const theme = chosen();
  const prefersDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const light = theme === 'light' || theme === 'her' || (theme === 'system' && !prefersDark);
  const oled = theme === 'oled-dark';
  classList.toggle('dark', !light);
  classList.toggle('light', light);
  classList.toggle('her', theme === 'her');
  for (const [name, value] of Object.entries(OLED)) {
    if (oled) style.setProperty(name, value);
    else style.removeProperty(name);
  }
  const bar = theme === 'her' ? BARS.her : oled ? BARS.oled : light ? BARS.light : BARS.dark;
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', bar);
}

/** Follows what is chosen in another tab, and the system's own; returns how to stop. */
export function followTheme(): () => void {
  const stored = ({ key }: StorageEvent) => (key === 'theme' || key === null) && applyTheme();
  const system = matchMedia('(prefers-color-scheme: dark)');
  addEventListener('storage', stored);
  system.addEventListener('change', applyTheme);
  return () => {
    removeEventListener('storage', stored);
    system.removeEventListener('change', applyTheme);
  };
}
