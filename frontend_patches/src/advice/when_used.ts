/** Follows the page's script, and loads `main.ts` when somebody first turns to the counter, the effort or model menu. */
const SCRIPT = '/static/openwebui-usage-advice.js';
const TYPES = ['pointerover', 'focusin'] as const;

function turned({ target }: Event): void {
  if (!(target instanceof Element) || !target.closest('[data-usage-part], [id^=model-selector-]')) return;
  if (!document.querySelector('[data-usage-part=counter]')) return; // it reads what that knows
  for (const type of TYPES) removeEventListener(type, turned);
  // Without it counter and menu are as they were.
  import(/* @vite-ignore */ SCRIPT).catch((error: unknown) =>
    console.debug('openwebui-usage does without advice:', error),
  );
}

for (const type of TYPES) addEventListener(type, turned, { passive: true });
