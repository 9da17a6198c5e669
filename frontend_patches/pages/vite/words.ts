import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

type Texts = { [key: string]: string | Texts };

const FOLDER = resolve(import.meta.dirname, '../words');
const PREFIX = 'virtual:words';

/** By area: what each language says. */
function readAreas(): Record<string, Record<string, Texts>> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    files.map((name) => [
      name.slice(0, -'.json'.length),
      JSON.parse(readFileSync(resolve(FOLDER, name), 'utf8')),
    ]),
  );
}

/**
 * The words of all areas, `words/AREA.json`, as one module for each language: `virtual:words` lists what loads them. What
 * a language lacks it says in English.
 */
export function words(): Plugin {
  return {
    name: 'words',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const areas = readAreas();
      for (const area of Object.keys(areas)) this.addWatchFile(resolve(FOLDER, `${area}.json`));
      const language = id.slice(PREFIX.length + 2);
      if (!language) {
        const languages = [...new Set(Object.values(areas).flatMap((area) => Object.keys(area)))].sort();
        const loaders = languages.map((each) => `${JSON.stringify(each)}: () => import('${PREFIX}/${each}')`);
        return `export default {${loaders.join(', ')}};`;
      }
      const merged = Object.entries(areas).map(([area, texts]) => [
        area,
        { ...texts['en'], ...texts[language] },
      ]);
      return `export default ${JSON.stringify(Object.fromEntries(merged))};`;
    },
  };
}
