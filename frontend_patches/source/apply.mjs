/** `apply.sh PATH`: reads, plans, refuses while nothing has been changed, and only then writes. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FOLDER, PLACES } from './places.mjs';
import { putIn, Refusal, takeOut } from './plan.mjs';

const USAGE = `usage: frontend_patches/apply.sh [--check | --reverse] PATH_TO_OPEN_WEBUI_SOURCE

  (no option)   put counter and effort menu into the source, or bring them up to date
  --check       only tell whether that would work, and where the lines would go
  --reverse     take everything out again

Ends with 0 when all is done, 1 when the source is not as expected (nothing is changed then), 2 for a mistake in the command.`;

const OURS = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** What was put where, beside our files, so that a later version of this program can take it out. */
const RECORD = `${FOLDER}/applied.json`;

/** @param {string} path */
const read = (path) => readFileSync(path, 'latin1');

/** @param {string} root @returns {string} Open WebUI's version */
function checkSource(root) {
  if (!existsSync(root)) throw new Refusal([`${root}: there is no such folder`], 2);
  const path = join(root, 'package.json');
  /** @type {{ name?: string, version?: string, devDependencies?: Record<string, string> }} */
  let manifest = {};
  try {
    manifest = JSON.parse(read(path));
  } catch {
    // Then it has no name either.
  }
  if (manifest.name !== 'open-webui')
    throw new Refusal(
      [`${root}: is not the top of Open WebUI's source (no package.json of "open-webui")`],
      2,
    );
  const svelte = manifest.devDependencies?.['svelte'] ?? '';
  if (Number(/\d+/.exec(svelte)?.[0]) < 5)
    throw new Refusal([
      `${path}: Open WebUI ${manifest.version} is built with Svelte ${svelte}; the components need Svelte 5, as in 0.6.43 and later`,
    ]);
  return manifest.version ?? 'of an unknown version';
}

/** @param {string} root @returns {import('./plan.mjs').Edit[]} */
function readRecord(root) {
  const path = join(root, RECORD);
  if (!existsSync(path)) return [];
  try {
    const { edits } = JSON.parse(read(path));
    if (Array.isArray(edits)) return edits;
  } catch {
    // The next line says it.
  }
  throw new Refusal([`${RECORD}:1: cannot be read, so that nobody knows what to take out`]);
}

/** @param {string} folder @returns {string[]} paths of all files below, in order */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.split(sep).join('/'))
    .sort();
}

/** What is for pages that were built already stays here: `main.ts`, `page/` and `advice/`. */
function ourFiles() {
  return filesBelow(OURS).filter(
    (file) => /\.(svelte|ts|css)$/.test(file) && file !== 'main.ts' && !/^(page|advice)\//.test(file),
  );
}

/**
 * Writes what differs; null removes a file. All of it is on disk before the first file takes its place.
 *
 * @param {string} root
 * @param {Map<string, string | null>} tree
 * @returns {number} how many files that were
 */
function write(root, tree) {
  const changed = [...tree]
    .map(([file, text]) => ({ path: join(root, file), text }))
    .filter(({ path, text }) => (existsSync(path) ? read(path) !== text : text !== null));
  try {
    for (const { path, text } of changed) {
      if (text === null) continue;
      mkdirSync(dirname(path), { recursive: true });
      const mode = existsSync(path) ? statSync(path).mode : 0o644;
      writeFileSync(`${path}.new`, text, { encoding: 'latin1', mode });
    }
    for (const { path, text } of changed) {
      if (text === null) rmSync(path);
      else renameSync(`${path}.new`, path);
    }
  } finally {
    for (const { path } of changed) removeDraft(path);
    const folder = join(root, FOLDER);
    if (!filesBelow(folder).length) rmSync(folder, { recursive: true, force: true });
  }
  return changed.length;
}

/** @param {string} path */
function removeDraft(path) {
  try {
    rmSync(`${path}.new`, { force: true });
  } catch {
    // Not ours, and told as the reason why it could not be written.
  }
}

/** @param {string[]} words @returns {string} what to tell */
function run(words) {
  const { values, positionals } = parseArgs({
    args: words,
    options: {
      check: { type: 'boolean' },
      reverse: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help) return USAGE;
  const [path] = positionals;
  if (!path || positionals.length > 1 || (values.check && values.reverse)) throw new Refusal([USAGE], 2);

  const root = resolve(path);
  const version = checkSource(root);
  const record = readRecord(root);
  const files = [...new Set([...record, ...PLACES].map(({ file }) => file))];
  const texts = files
    .filter((file) => existsSync(join(root, file)))
    .map((file) => /** @type {[string, string]} */ ([file, read(join(root, file))]));
  const clean = takeOut(new Map(texts), record);
  const theirs = filesBelow(join(root, FOLDER)).map(
    (file) => /** @type {const} */ ([`${FOLDER}/${file}`, null]),
  );

  if (values.reverse) {
    const count = write(root, new Map([...clean, ...theirs]));
    return count
      ? `Open WebUI ${version} is as it was: ${count} files changed`
      : `Open WebUI ${version} has nothing of ours`;
  }

  const { texts: patched, edits, lines } = putIn(clean);
  if (values.check) return [...lines, `Open WebUI ${version} can be patched`].join('\n');
  const ours = ourFiles().map((file) => /** @type {const} */ ([`${FOLDER}/${file}`, read(join(OURS, file))]));
  const count = write(
    root,
    new Map([...theirs, ...ours, [RECORD, `${JSON.stringify({ edits }, null, 2)}\n`], ...patched]),
  );
  return count
    ? [...lines, `Open WebUI ${version} is patched: ${count} files changed`].join('\n')
    : `Open WebUI ${version} is patched already`;
}

try {
  console.log(run(process.argv.slice(2)));
} catch (error) {
  const { code, path, message } = /** @type {NodeJS.ErrnoException} */ (error);
  const mistake = code?.startsWith('ERR_PARSE_ARGS') ? `${message}\n\n${USAGE}` : message;
  console.error(error instanceof Refusal ? message : path ? `${path}: ${message}` : mistake);
  process.exitCode = error instanceof Refusal ? error.status : 2;
}
