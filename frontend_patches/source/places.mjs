/**
 * Where our lines go in Open WebUI's front-end source, and what they say. Each anchor matches exactly once in
 * every version that the tests try, from 0.6.43 to 0.12.4.
 *
 * @typedef {object} Place
 * @property {string} name what is put there
 * @property {string} file path from the top of the source tree
 * @property {RegExp} anchor matches the place once in the file
 * @property {'before' | 'after'} put on which side of the match the text goes
 * @property {string} text a whole line, which is indented as the line of the match next to it; or a part of a line
 * @property {string} landmark a piece of the anchor, to point at where the anchor itself has changed
 */

/** Everything of ours lives here, and nothing else does. */
export const FOLDER = 'src/lib/openwebui-usage';

/** What every piece of text of ours has in it, and no line of Open WebUI's own. */
export const TRACE = /openwebui-usage|\bUsage\.(?:Counter|Effort|reasoning)\b/;

const INPUT = 'src/lib/components/chat/MessageInput.svelte';
const CHAT = 'src/lib/components/chat/Chat.svelte';
const IMPORT = "import * as Usage from '$lib/openwebui-usage/host';\n";

/** @type {readonly Place[]} */
export const PLACES = [
  {
    // So that it knows, before it starts, that it is not needed.
    name: 'mark for the script of the plugin',
    file: 'src/app.html',
    anchor: /<html lang="en"(?=[ >])/,
    put: 'after',
    text: ' data-openwebui-usage="source"',
    landmark: '<html',
  },
  {
    name: 'import of counter and effort menu',
    file: INPUT,
    anchor: /^\timport InputMenu from '\.\/MessageInput\/InputMenu\.svelte';\r?\n/m,
    put: 'before',
    text: IMPORT,
    landmark: 'InputMenu.svelte',
  },
  {
    name: 'counter above the input',
    file: INPUT,
    anchor: /^\t+<div\r?\n\t+id="message-input-container"\r?\n/m,
    put: 'before',
    text: '<Usage.Counter models={selectedModelIds} />\n',
    landmark: 'id="message-input-container"',
  },
  {
    // Web Search is switched on in the integrations menu, and its button comes after it.
    name: 'effort menu left of Web Search',
    file: INPUT,
    anchor: /^(\t+)\t<\/IntegrationsMenu>\r?\n\1\{\/if\}\r?\n/m,
    put: 'after',
    text: '<Usage.Effort />\n',
    landmark: '</IntegrationsMenu>',
  },
  {
    name: 'import of the effort for requests',
    file: CHAT,
    anchor: /^\timport MessageInput from '\$lib\/components\/chat\/MessageInput\.svelte';\r?\n/m,
    put: 'before',
    text: IMPORT,
    landmark: 'MessageInput.svelte',
  },
  {
    name: 'effort in the chat request',
    file: CHAT,
    anchor: /^\t+model_item: \$models\.find\(\(m\) => m\.id === model\.id\),\r?\n/m,
    put: 'before',
    text: '...Usage.reasoning(model.id, selectedModels, [$settings?.params, params]),\n',
    landmark: '=== model.id),',
  },
];
