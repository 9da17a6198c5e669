"""Token counts where the provider never told: from text, without ever downloading or waiting.

tiktoken is used where it is installed *and* its encoding already lies on the machine (Open WebUI's Docker image ships
one); else four characters make a token, the rule of thumb of OpenAI's tokenizer page.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 85
"""What OpenAI bills for one low-detail image; files and images are never looked into."""
_MESSAGE_TOKENS = 4
_ENCODING = "o200k_base", "cl100k_base"
_ENCODING_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_LONGEST_EXACT = 20_000


def text_tokens(text: str) -> int:
    """Tokens of `text`, at least 1 where there is any."""
    if not text:
        return 0
    count = _counter() if len(text) <= _LONGEST_EXACT else None
    if count is None:
        return max(1, round(len(text) / CHARACTERS_PER_TOKEN))
    return count(text)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Tokens that the prompt of a request body takes: messages, input, prompt, system, instructions and tools."""
    tokens = 0
    for message in _items(body.get("messages")):
        tokens += _MESSAGE_TOKENS + _content_tokens(message)
    for key in ("input", "prompt", "system", "instructions", "suffix"):
        tokens += _content_tokens(body.get(key))
    for tool in _items(body.get("tools")):
        tokens += text_tokens(str(tool))
    return tokens


def _content_tokens(content: object) -> int:
    if isinstance(content, str):
        return text_tokens(content)
    if isinstance(content, Mapping):
        kind = str(content.get("type", ""))
        if "image" in kind or "file" in kind or "audio" in kind:
            return IMAGE_TOKENS
        keys = ("content", "text", "thinking", "tool_calls", "function", "arguments", "name", "output", "input")
        return sum(_content_tokens(content.get(key)) for key in keys)
    return sum(_content_tokens(item) for item in _items(content))


def _items(value: object) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


@cache
def _counter() -> Callable[[str], int] | None:
    name = next((name for name in _ENCODING if _lies_on_disk(name)), None)
    if name is None:
        return None
    try:
        import tiktoken

        encoding = tiktoken.get_encoding(name)
    except Exception:  # noqa: BLE001 - an estimate is not worth a failure of any kind
        return None
    return lambda text: len(encoding.encode_ordinary(text))


def _lies_on_disk(encoding: str) -> bool:
    """Whether tiktoken would find `encoding` in its own cache, by the rule of ``tiktoken.load.read_file_cached``."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    key = hashlib.sha1(_ENCODING_URL.format(encoding).encode(), usedforsecurity=False).hexdigest()
    return bool(folder) and (Path(folder) / key).is_file()
