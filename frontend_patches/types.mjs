/**
 * Writes the types of the server's answers, from what the server says of itself. `PYTHON` is an interpreter that has the
 * packages of the tests.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';
import * as prettier from 'prettier';

const here = dirname(fileURLToPath(import.meta.url));
/** By the name of the document. */
const FILES = { usage: 'src/openapi.d.ts', client: 'client/openapi.d.ts' };
const HEADER =
  '/** Written by `npm run types` from the OpenAPI document of our endpoints. Do not edit it. */\n\n';

for (const [document, file] of Object.entries(FILES)) {
  const json = execFileSync(process.env.PYTHON ?? 'python3', ['-m', 'tests.support.openapi', document], {
    cwd: resolve(here, '..'),
    encoding: 'utf8',
    maxBuffer: 10_000_000,
  });
  // What has a default is left out of requests and answers all the same.
  const types = astToString(await openapiTS(json, { defaultNonNullable: false }));
  const path = resolve(here, file);
  const options = await prettier.resolveConfig(path);
  writeFileSync(path, await prettier.format(HEADER + types, { ...options, filepath: path }));
}
