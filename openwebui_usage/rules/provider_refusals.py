"""Finds out from an error answer which field of a request a provider refuses. Never raises.

Forms that occur:

==========================  ==========================================================================================
OpenAI, xAI, Groq, Azure    ``{"error": {"message": "Unknown parameter: 'x'.", "param": "x"}}``
pydantic, FastAPI, Mistral  ``{"detail": [{"loc": ["body", "x"], "msg": "Extra inputs…", "type": "extra_forbidden"}]}``
vLLM                        ``{"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'x')…"}``
Anthropic                   ``{"type": "error", "error": {"message": "x: Extra inputs are not permitted"}}``
Ollama                      ``{"error": "\\"gemma3\\" does not support thinking"}``
Gemini                      ``[{"error": {"message": "Unknown name \\"x\\": Cannot find field."}}]``
OpenRouter                  ``{"error": {"message": "Provider returned error", "metadata": {"raw": "…"}}}``
others                      a plain sentence, or the text of an exception
==========================  ==========================================================================================

Sources: the API references and public error reports of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

_BAD_REQUEST = frozenset({400, 422, 500, 501})
"""Statuses of bad requests. Servers in Python answer 500 to an unexpected keyword argument."""
_NEVER = frozenset({401, 408, 429})
"""About keys, time and rates, whatever their text mentions. Gateways use any other status for a refusal, even 502."""

_LONGEST = 20_000
_DEEPEST = 8
_MOST_TEXTS = 200

_ECHOES = frozenset({"input", "ctx", "url", "body", "request", "request_body", "payload", "received", "messages"})
"""Keys under which providers repeat the request. A field that is mentioned there is not refused."""

_LISTS = re.compile(
    r"(?:(?<!not )\b(?:supported|valid|allowed|accepted|permitted|available|known)\s+"
    r"(?:parameters|params|fields|arguments|options|keys|properties|inputs)(?:\s+are)?\s*:?"
    r"|\bexpected\s+one\s+of|\bmust\s+be\s+one\s+of|\bshould\s+be\s+one\s+of|\bchoose\s+from|\bdid\s+you\s+mean)"
    r"(?:(?![.;?!]\s).)*",
    re.IGNORECASE | re.DOTALL,
)
"""What follows these words in a sentence is what would be accepted."""

_INPUTS = re.compile(
    r"input_value=.*?(?=, input_type=|$)"
    r"""|['"]input['"]\s*:.*?(?=\{\s*['"]type['"]\s*:\s*['"]\w+['"]\s*,\s*['"]loc['"]|$)""",
    re.DOTALL,
)
"""Where pydantic's errors, printed as text, repeat the request."""

_IN_MESSAGES = re.compile(r"\b(?:messages|input|tools)\b['\"]?\s*(?:[.,\[]|->)\s*['\"]?\d")
"""A location inside the conversation, where "reasoning" and "thinking" are parts of messages."""
_WORDS = frozenset({"reasoning", "thinking", "think", "effort"})


def refused_names(status: int, answer: object, names: Collection[str], model: str = "") -> frozenset[str]:
    """Those of `names` (fields as they were sent) that `answer` says are refused.

    `answer` is parsed JSON, text or bytes. `model` is the model's id, which may contain such a word and is ignored.
    """
    if status not in _BAD_REQUEST:
        if status < 400 or status in _NEVER:
            return frozenset()
        names = [name for name in names if name not in _WORDS]  # Everyday words occur in any sentence.
    if not names:
        return frozenset()
    found: set[str] = set()
    for where, text in _texts(_opened(answer)):
        if where == "pointer":
            found |= {name for name in names if _points_at(text, name)}
        else:
            found |= _named_in(text, names, model)
    return frozenset(found)


def _opened(answer: object) -> object:
    if isinstance(answer, bytes | bytearray | memoryview):
        answer = bytes(answer[:_LONGEST]).decode(errors="replace")
    if isinstance(answer, str):
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return answer
    return answer


def _texts(value: object, key: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts in an answer with their keys: references to a field (``param``, ``loc``), and sentences."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        yield ("pointer" if key in _POINTERS else "text"), value[:_LONGEST]
    elif isinstance(value, Mapping):
        for name, inner in list(value.items())[:_MOST_TEXTS]:
            lowered = str(name).lower()
            # A map of a validator: {"errors": {"stream_options": ["Unknown field."]}}.
            # Or of a form's validator: {"stream_options": ["Unknown field."]}, with or without "error" around it.
            is_map = depth > 0 and key in _MAPS
            if lowered not in _ECHOES and (is_map or (key in ("", "error") and _are_sentences(inner))):
                yield "pointer", str(name)
            if lowered not in _ECHOES:
                yield from _texts(inner, lowered, depth + 1)
    elif isinstance(value, list | tuple):
        if key == "loc":
            yield "pointer", ".".join(str(part) for part in value[:20])
        else:
            for inner in value[:_MOST_TEXTS]:
                yield from _texts(inner, key, depth + 1)


def _are_sentences(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


_CONTENTS = frozenset({"messages", "input", "tools", "metadata"})
_POINTERS = frozenset({"param", "parameter", "field", "loc", "pointer", "property", "argument", "instancepath"})
_MAPS = frozenset({"errors", "detail", "details", "fields", "invalid_params", "fielderrors", "field_errors"})


def _points_at(text: str, name: str) -> bool:
    """Whether a path such as ``body.stream_options.include_usage`` or ``/reasoning/effort`` contains `name`."""
    parts = [_plain(part) for part in re.split(r"[./\[\]\s,'\"]+", text) if part]
    if _plain(name) not in parts:
        return False
    return not _CONTENTS.intersection(parts[: parts.index(_plain(name))])


def _named_in(text: str, names: Collection[str], model: str) -> set[str]:
    if model and model in text:
        text = re.sub(rf"(?<!\w){re.escape(model)}(?!\w)", " ", text)
    text = _LISTS.sub(" ", _INPUTS.sub(" ", text))
    in_messages = _IN_MESSAGES.search(text) is not None
    return {name for name in names if not (in_messages and name in _WORDS) and _pattern(name).search(text)}


@lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[str]:
    """Matches `name` as a word in snake_case, camelCase, with spaces or with hyphens."""
    words = "[-_ ]?".join(re.escape(word) for word in name.split("_"))
    return re.compile(rf"(?<![A-Za-z0-9_]){words}(?![A-Za-z0-9_])", re.IGNORECASE)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
