import { Page } from './page/page';

/** On <html>: who draws counter and dropdown. A build that has them among its own components says `source` there. */
const MARK = 'openwebuiUsage';

function start(): void {
  const { dataset } = document.documentElement;
  if (dataset[MARK]) return; // loaded twice, or not needed
  dataset[MARK] = 'script';
  new Page(() => dataset[MARK] === 'script').start();
}

try {
  start();
} catch (error) {
  console.debug('openwebui-usage stays out:', error);
}
