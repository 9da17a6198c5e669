/** Where things are in Open WebUI's page, by the ids that all its versions from 0.6.18 to 0.12 share; labels are translated. */

/** The box around the chat input, in its form; null while there is none on screen. */
export function inputBox(): HTMLElement | null {
  const input = document.getElementById('chat-input');
  const form = input?.closest('form');
  if (!form) return null;
  const box =
    form.querySelector('#message-input-container') ??
    [...form.children].find((part) => part.querySelector('#chat-input-container')); // 0.6.18
  return (box as HTMLElement) ?? null;
}

/** Puts `host` left of the Web Search button, which is right of the integrations menu. False where there is no such place. */
export function placeInRow(host: HTMLElement, box: HTMLElement): boolean {
  if (host.isConnected && box.contains(host)) return true;
  const row = [...box.querySelectorAll<HTMLElement>('div[dir=ltr]')].find((div) =>
    div.classList.contains('justify-between'),
  );
  const left = row?.firstElementChild;
  if (!left) return false;

  let neighbour: Element | null = document.getElementById('integration-menu-button');
  if (neighbour && left.contains(neighbour)) {
    while (
      neighbour.parentElement &&
      neighbour.parentElement !== left &&
      !neighbour.parentElement.classList.contains('overflow-x-auto')
    )
      neighbour = neighbour.parentElement;
    neighbour.after(host);
  } else {
    // 0.6.18, where the buttons stand in the row themselves, and users who may use no integration.
    const buttons = left.querySelector(':scope > div.overflow-x-auto');
    if (buttons) buttons.prepend(host);
    else left.append(host);
  }
  return true;
}
