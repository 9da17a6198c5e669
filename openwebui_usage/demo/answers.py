"""What the demo provider answers and what it bills: pure functions, no clock, no I/O.

**How tokens are counted.** A text costs one token for every four bytes of its UTF-8 form, rounded up. Each message of
a prompt costs `PER_MESSAGE` more, each image `PER_IMAGE`. Reasoning costs `REASONING_TOKENS[effort]`, whatever the
length of the part that is shown (providers show a summary, too). As with OpenAI, `completion_tokens` includes the
reasoning tokens, `completion_tokens_details.reasoning_tokens` says how many these were, and the total is prompt plus
completion.

**What it accepts.** `demo-reasoner` takes `reasoning_effort` low, medium or high (medium where nothing is said);
`demo-chat` takes none. Both refuse a top-level `reasoning` object, as OpenAI's chat completions do.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

REASONER: Final = "demo-reasoner"
CHAT: Final = "demo-chat"
MODELS: Final = (REASONER, CHAT)

PER_MESSAGE: Final = 4
PER_IMAGE: Final = 85
REASONING_TOKENS: Final[Mapping[str, int]] = {"low": 128, "medium": 512, "high": 2048}
DEFAULT_EFFORT: Final = "medium"

_BYTES_PER_TOKEN: Final = 4
_LONGEST_QUOTE: Final = 300


class Rejected(Exception):
    """A request that a strict provider refuses: the HTTP status, and OpenAI's `error` object as `body`."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A checked chat completion request."""

    model: str
    question: str
    """The text of the last user message."""
    images: int
    tokens: int
    effort: str | None
    """None for a model that does not reason."""
    stream: bool
    include_usage: bool
    limit: int | None
    """The most completion tokens that the caller pays for, reasoning included."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with the tokens that it costs."""

    reasoning: str
    content: str
    prompt_tokens: int
    reasoning_tokens: int
    finish_reason: Literal["stop", "length"]

    @property
    def usage(self) -> dict[str, Any]:
        """OpenAI's `usage` object."""
        completion = self.reasoning_tokens + count(self.content)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens, "audio_tokens": 0},
        }


def count(text: str) -> int:
    """Tokens of `text`: one for every four bytes of UTF-8, rounded up."""
    return -(-len(text.encode()) // _BYTES_PER_TOKEN)


def parse(body: object) -> Prompt:
    """Check the JSON body of `POST /v1/chat/completions`. Raises `Rejected`."""
    if not isinstance(body, dict):
        raise Rejected(400, "The body must be a JSON object.")
    model = body.get("model")
    if model not in MODELS:
        raise Rejected(404, f"The model {model!r} does not exist: there are {' and '.join(MODELS)}.",
                       param="model", code="model_not_found")  # fmt: skip
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Rejected(400, "messages: must be a list of at least one message.", param="messages")
    options = body.get("stream_options")
    if options is not None and not body.get("stream"):
        raise Rejected(400, "stream_options: is allowed only when stream is true.", param="stream_options")
    read = [_read(message.get("content")) for message in messages]
    asked = [text for message, (text, _) in zip(messages, read, strict=True) if message.get("role") == "user"]
    images = sum(n for _, n in read)
    return Prompt(
        model=model,
        question=asked[-1].strip() if asked else "",
        images=images,
        tokens=sum(PER_MESSAGE + count(text) for text, _ in read) + PER_IMAGE * images,
        effort=_effort(model, body),
        stream=bool(body.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        limit=_limit(body),
    )


def _read(content: object) -> tuple[str, int]:
    """Text and number of images of one message's `content`, which is a string, a list of parts, or null."""
    if content is None or isinstance(content, str):
        return _clean(content or ""), 0
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [str(part.get("text", "")) for part in content if part.get("type") == "text"]
        return _clean("\n".join(texts)), sum(part.get("type") == "image_url" for part in content)
    raise Rejected(400, "messages: content must be a string or a list of parts.", param="messages")


def _clean(text: str) -> str:
    """JSON may carry half a surrogate pair, which no answer could echo."""
    return text.encode("utf-8", "replace").decode()


def _effort(model: str, body: Mapping[str, object]) -> str | None:
    if "reasoning" in body:
        raise Rejected(400, "Unknown parameter: 'reasoning'.", param="reasoning", code="unknown_parameter")
    effort = body.get("reasoning_effort")
    if model != REASONER:
        if effort is not None:
            raise Rejected(400, f"Unsupported parameter: 'reasoning_effort' is not supported with {model}.",
                           param="reasoning_effort", code="unsupported_parameter")  # fmt: skip
        return None
    if effort is None:
        return DEFAULT_EFFORT
    if not isinstance(effort, str) or effort not in REASONING_TOKENS:
        raise Rejected(400, f"Unsupported value: 'reasoning_effort' does not support {effort!r}: low, medium or high.",
                       param="reasoning_effort", code="unsupported_value")  # fmt: skip
    return effort


def _limit(body: Mapping[str, object]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is None:
            continue
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise Rejected(400, f"{name}: must be a whole number of tokens, 1 or more (got {limit!r}).", param=name)
        return limit
    return None


def reply(prompt: Prompt) -> Reply:
    """Answer `prompt` within its limit: reasoning is paid first, the visible answer gets what is left."""
    wanted = REASONING_TOKENS[prompt.effort] if prompt.effort else 0
    reasoning_tokens = wanted if prompt.limit is None else min(wanted, prompt.limit)
    content = full = task_answer(prompt.question) or _answer(prompt)
    if prompt.limit is not None:
        content = _cut(full, prompt.limit - reasoning_tokens)
    cut_short = content != full or reasoning_tokens < wanted
    return Reply(
        reasoning=_thoughts(prompt) if prompt.effort else "",
        content=content,
        prompt_tokens=prompt.tokens,
        reasoning_tokens=reasoning_tokens,
        finish_reason="length" if cut_short else "stop",
    )


def _cut(text: str, tokens: int) -> str:
    return text.encode()[: tokens * _BYTES_PER_TOKEN].decode("utf-8", "ignore")


def pieces(text: str) -> Iterator[str]:
    """Cut `text` into the small parts that a stream sends; joined they are `text` again."""
    yield from re.findall(r"\s*\S+\s*|\s+", text)


# What Open WebUI itself asks a model after a chat: it expects one JSON object.


def task_answer(question: str) -> str | None:
    """The answer to one of Open WebUI's own task prompts (title, tags, follow-ups, queries, …), or None."""
    if not question.startswith(("### Task:", "Your task is to reflect the speaker")):
        return None
    if question.startswith("Your task"):
        return "😊"
    instructions, _, history = question.partition("<chat_history>")
    said = re.findall(r"^USER: (.*)$", history, re.MULTILINE)
    first, last = (said[0], said[-1]) if said else ("", "")
    answers: dict[str, object] = {
        "title": _title(first),
        "tags": ["General"],
        "follow_ups": [
            "What do IN, OUT and TOTAL mean?",
            "How do I connect a real provider?",
            "What does the reasoning effort change?",
        ],
        "queries": [last] if last else [],
        "prompt": last,
        "text": "",
    }
    for key, answer in answers.items():
        if re.search(rf'\{{\s*"{key}":', instructions):
            return json.dumps({key: answer}, ensure_ascii=False)
    return None


def _title(text: str) -> str:
    words = re.findall(r"[^\W_][\w'’-]*", text)[:5]
    title = " ".join(words)[:50]
    return title[:1].upper() + title[1:] if title else "Demo chat"


# What it says to people.

_ABOUT_TOKENS = """\
In Open WebUI, the line above the chat input counts every call of the models in a usage group, for all users together:

| | |
|---|---|
| **IN** | prompt tokens: your message, and the chat so far that is sent along with it |
| **OUT** | completion tokens plus reasoning tokens |
| **TOTAL** | IN + OUT, and after the slash the group's limit, where it has one |

Titles, tags and follow-up questions are calls too, so one message usually counts for more than one."""

_ABOUT_PROVIDERS = """\
Two ways, and either makes me step aside:

1. **In the environment**: stop the server, set `OPENAI_API_KEY` (and `OPENAI_API_BASE_URL` for any other provider that
   speaks OpenAI's language) or `OLLAMA_BASE_URL`, and start again.
2. **In Open WebUI**: *Admin Panel › Settings › Connections*. Add the provider, then remove the demo."""

_ABOUT_EFFORT = """\
The menu beside the Web Search button (in the token client: *O1 Pro*, from medium to high) tells a reasoning model how
long to think. I spend a fixed number of tokens:

| Effort | Reasoning tokens |
|---|---|
| Low | 128 |
| Medium | 512 |
| High | 2,048 |

Ask me the same question at two levels, and watch the tokens grow. `demo-chat` does not reason, so it has no menu."""

_ABOUT_ME = """\
Everything around this answer is real: the call was metered, and the numbers on this page are what I billed. Try

- more **reasoning effort** with `demo-reasoner` (the menu below, or the *O1 Pro* switch), then ask again;
- a **limit**, of a usage group or a token, and what happens when it is reached;
- *"How do I connect a real provider?"*"""

_TOPICS: Final = (
    (re.compile(r"\b(provider|connect\w*|api key|openai|ollama)\b", re.IGNORECASE), _ABOUT_PROVIDERS),
    (re.compile(r"\b(effort|reasoning|thinking)\b", re.IGNORECASE), _ABOUT_EFFORT),
    (re.compile(r"\b(tokens?|usage|counter|limits?|total)\b", re.IGNORECASE), _ABOUT_TOKENS),
)


def _answer(prompt: Prompt) -> str:
    """Markdown that says who answers, what was asked, what it cost, and something useful about the topic."""
    topic = next((text for pattern, text in _TOPICS if pattern.search(prompt.question)), _ABOUT_ME)
    spent = f"Your prompt took **{prompt.tokens:,}** tokens"
    if prompt.effort:
        spent += f", my reasoning at *{prompt.effort}* effort **{REASONING_TOKENS[prompt.effort]:,}**"
    return "\n\n".join(
        [
            f"This is **{prompt.model}**, the built-in demo: no real model is behind me. You asked:",
            _quote(prompt),
            topic,
            f"{spent}.",
        ]
    )


def _quote(prompt: Prompt) -> str:
    text = prompt.question
    if len(text) > _LONGEST_QUOTE:
        text = text[:_LONGEST_QUOTE].rstrip() + " …"
    lines = text.splitlines() or ["(nothing)"]
    if prompt.images:
        lines.append(f"*(with {prompt.images} image{'s' if prompt.images > 1 else ''})*")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _thoughts(prompt: Prompt) -> str:
    """The part of the reasoning that is shown: the more effort, the longer."""
    steps = [
        f"The question has {len(prompt.question.split())} words, and the prompt {prompt.tokens} tokens.",
        "No real model is at work here, so the honest answer says so and shows what was counted.",
        "Is there a topic in it that I know: providers, effort, tokens?",
        "A table is easier to read than a paragraph of numbers.",
        "The numbers in the answer must be the ones that are billed.",
        "Checking once more: total = prompt + completion, and completion includes this reasoning.",
    ]
    return "\n".join(steps[: {"low": 1, "medium": 3, "high": 6}[prompt.effort or DEFAULT_EFFORT]])
