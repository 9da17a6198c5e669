/** Characters that are about one token, of the languages that most is written in. */
const CHARACTERS = 4;

/** About how many prompt tokens the message that is being written will have: what is in the input, and the chat before it. */
export function promptTokens(): number {
  const input = document.getElementById('chat-input');
  const written = input instanceof HTMLTextAreaElement ? input.value : (input?.textContent ?? '');
  const before = [...document.querySelectorAll('#messages-container [id^="message-"]')].filter(
    (message) => !message.parentElement?.closest('[id^="message-"]'),
  );
  const length = before.reduce((sum, message) => sum + (message.textContent?.length ?? 0), written.length);
  return Math.ceil(length / CHARACTERS);
}
