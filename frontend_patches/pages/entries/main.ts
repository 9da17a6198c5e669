import { language } from '../lib/language';
import { ENTRIES, MY_PAGE } from './places';
import { detailsInTip, openByLine } from './tip';
import { wordsOf } from './words';

const STARTED = 'usageEntries';

/** Does `work` again and again, but never more after it has failed: the other parts go on. */
function untilItFails(name: string, work: () => void): () => void {
  let broken = false;
  return () => {
    if (broken) return;
    try {
      work();
    } catch (error) {
      broken = true;
      console.debug(`openwebui-usage leaves out its way from "${name}":`, error);
    }
  };
}

function start(): void {
  const { dataset } = document.documentElement;
  if (dataset[STARTED] !== undefined) return; // loaded twice
  dataset[STARTED] = '';

  const words = () => wordsOf(language());
  const parts = ENTRIES.map(({ name, add }) => {
    let added: Element | null = null;
    return untilItFails(name, () => {
      if (added?.isConnected) return;
      added = add(words);
      added?.setAttribute('data-usage-entry', name);
    });
  });
  parts.push(untilItFails('tooltip', () => detailsInTip(MY_PAGE, words)));
  const look = () => parts.forEach((part) => part());

  // Not later: before the browser paints what has changed, so that nothing moves under the eyes.
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  untilItFails('counter', () => openByLine(MY_PAGE))();
  look();
}

start();
