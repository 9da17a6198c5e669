import type { Models } from '../model';

const AVATAR = '/models/model/profile/image?';

function sessionIds(): string[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem('selectedModels') ?? '[]');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string' && id) : [];
  } catch {
    return [];
  }
}

/** The pictures of models in a part of the page, outside of an open model list. */
const avatars = (part: ParentNode): HTMLImageElement[] =>
  [...part.querySelectorAll<HTMLImageElement>(`img[src*="${AVATAR}"]`)].filter(
    (image) => !image.closest('[role=listbox], nav, #sidebar'),
  );
const idOf = (image: HTMLImageElement): string =>
  new URL(image.src, location.href).searchParams.get('id') ?? '';

/** The models whose pictures are on screen. */
const avatarIds = (): string[] => [...new Set(avatars(document).map(idOf))];

/** The model that the next message is for (`@model`): its picture stands in the form, before the input. */
function mentioned(): string | undefined {
  const input = document.getElementById('chat-input');
  const form = input?.closest('form');
  const before = (image: Element) =>
    input && image.compareDocumentPosition(input) & Node.DOCUMENT_POSITION_FOLLOWING;
  return form ? avatars(form).filter(before).map(idOf)[0] : undefined;
}

function addressIds(): string[] {
  const query = new URLSearchParams(location.search);
  return (query.get('models') ?? query.get('model') ?? '').split(',').filter(Boolean);
}

/** Open WebUI writes the session's models with each stored chat; on a new chat they may be those of the last one. */
function hints(): string[][] {
  const stored = location.pathname.includes('/c/');
  return stored ? [sessionIds(), avatarIds(), addressIds()] : [avatarIds(), addressIds(), sessionIds()];
}

/** What the model selectors say. */
export function shownNames(): string[] {
  return [...document.querySelectorAll('[id^=model-selector-][id$=-button]')]
    .map((button) => button.textContent?.trim() ?? '')
    .filter(Boolean);
}

/**
 * The ids of the models that the chat on screen will use, best guess first where the page leaves a choice.
 *
 * What the selector shows is always current, but it is a name, and from 0.11 on only the first of several (`NAME +2`);
 * session, pictures and address know ids, and are believed where they agree with it.
 */
export function selectedModels(models: Models): string[] {
  const only = mentioned();
  if (only && models.has(only)) return [only];
  const shown = shownNames();
  if (!shown.length) return sessionIds().filter((id) => models.has(id));

  const named = (name: string) =>
    [...models].filter(([id, model]) => model.name === name || id === name).map(([id]) => id);
  const selected = shown.flatMap((text) => {
    const [, name = text, more = '0'] = named(text).length ? [] : (/^(.*) \+(\d+)$/.exec(text) ?? []);
    const first = named(name);
    const all = hints().find((ids) => ids.length === 1 + Number(more) && first.includes(ids[0] ?? ''));
    if (all) return all;
    // Between equal names any hint that holds one of them decides.
    return first.length > 1
      ? [
          hints()
            .flat()
            .find((id) => first.includes(id)) ??
            first[0] ??
            '',
        ]
      : first;
  });
  return [...new Set(selected)];
}
