/** What somebody has set in Open WebUI's interface settings, which its server keeps: the size of text, and more contrast. */
import { hostUrl } from './root';

interface Appearance {
  scale: number;
  contrast: boolean;
}

/** Where it is kept for the next visit, so that nothing changes its size under the eyes. */
const KEPT = 'openwebuiUsageAppearance';
const USUAL: Appearance = { scale: 1, contrast: false };
const [LEAST, MOST] = [0.5, 3];

/** Of what the server answers, or of what was kept; the usual where that is of an unknown shape. */
function read(ui: unknown): Appearance {
  const { textScale, highContrastMode } = (ui ?? {}) as Record<string, unknown>;
  const scale = typeof textScale === 'number' && textScale >= LEAST && textScale <= MOST ? textScale : 1;
  return { scale, contrast: highContrastMode === true };
}

function apply({ scale, contrast }: Appearance): void {
  const { classList, style } = document.documentElement;
  classList.toggle('high-contrast', contrast);
  if (scale === 1) style.removeProperty('--app-text-scale');
  else style.setProperty('--app-text-scale', `${scale}`);
}

/** As it was at the last visit: before anything is painted. */
export function applyKeptAppearance(): void {
  try {
    apply(read(JSON.parse(localStorage.getItem(KEPT) ?? 'null')));
  } catch {
    apply(USUAL);
  }
}

/** As it is now. Where the server does not tell, it stays as it was. */
export async function followAppearance(): Promise<void> {
  try {
    const token = localStorage.getItem('token');
    if (!token) return;
    const answer = await fetch(hostUrl('api/v1/users/user/settings'), {
      headers: { Authorization: `Bearer ${token}` },
    });
    if (!answer.ok) return;
    const ui = ((await answer.json()) as { ui?: unknown } | null)?.ui;
    const now = read(ui);
    apply(now);
    localStorage.setItem(KEPT, JSON.stringify({ textScale: now.scale, highContrastMode: now.contrast }));
  } catch {
    // Nothing that a page of ours needs.
  }
}
