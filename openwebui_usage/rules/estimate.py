"""Estimates tokens from text, for answers whose usage no provider reported. Never downloads anything, never waits.

tiktoken is used if it is installed *and* one of its encodings is on the machine (Open WebUI's Docker image has one).
Otherwise, and while that is being loaded, characters are weighed by their script. Long texts are sampled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from openwebui_usage.rules.scripts import tokens_by_script

log = logging.getLogger(__name__)

IMAGE_TOKENS = 85
"""What OpenAI bills for a low-detail image. The contents of images and files are not looked at."""
_MESSAGE_TOKENS = 4
_DEEPEST = 20
_ENCODINGS = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""SHA-256 of each file as tiktoken knows it: a file with another sum would be downloaded again."""
_ENCODING_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_LONGEST_EXACT = 20_000
_PARTS = 20
"""Of a longer text so many parts at equal distances are counted, with `_LONGEST_EXACT` characters in total."""


def text_tokens(text: str) -> int:
    """Tokens of `text`: at least 1, or 0 if it is empty."""
    if not text:
        return 0
    count = _counter() or tokens_by_script
    if len(text) <= _LONGEST_EXACT:
        return max(1, round(count(text)))
    size = _LONGEST_EXACT // _PARTS
    starts = ((len(text) - size) * part // (_PARTS - 1) for part in range(_PARTS))
    return round(sum(count(text[start : start + size]) for start in starts) * len(text) / _LONGEST_EXACT)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Tokens of the prompt in a request body: messages, input, prompt, system, instructions and tools.

    Accepts any body and never raises.
    """
    tokens = 0
    for message in _items(body.get("messages")):
        tokens += _MESSAGE_TOKENS + _content_tokens(message)
    for key in ("input", "prompt", "system", "instructions", "suffix", "context"):
        if key in body:
            tokens += _content_tokens(body[key])
    for tool in (*_items(body.get("tools")), *_items(body.get("functions"))):
        tokens += _json_tokens(tool)
    return tokens + IMAGE_TOKENS * len(_items(body.get("images")))


def _content_tokens(content: object, depth: int = 0) -> int:
    if isinstance(content, str):
        return text_tokens(content)
    if isinstance(content, int):  # A prompt may be given as a list of token ids.
        return 1
    if depth > _DEEPEST:
        return 0
    if isinstance(content, dict):
        kind = content.get("type")
        if isinstance(kind, str) and any(medium in kind for medium in ("image", "file", "audio")):
            return IMAGE_TOKENS
        keys = ("content", "text", "thinking", "tool_calls", "function", "name", "output", "input")
        tokens = sum(_content_tokens(content[key], depth + 1) for key in keys if key in content)
        return tokens + _json_tokens(content.get("arguments")) + IMAGE_TOKENS * len(_items(content.get("images")))
    return sum(_content_tokens(item, depth + 1) for item in _items(content))


def _json_tokens(value: object) -> int:
    if value is None or isinstance(value, str):
        return text_tokens(value or "")
    try:
        return text_tokens(json.dumps(value, ensure_ascii=False, default=str))
    except (RecursionError, TypeError, ValueError):  # Nested too deeply, or recursive.
        return 0


def _items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


_loaded: list[Callable[[str], int]] = []


def _counter() -> Callable[[str], int] | None:
    _load_in_background()
    return _loaded[0] if _loaded else None


@cache
def _load_in_background() -> threading.Thread:
    """Loading takes up to a second, so no call waits for it."""
    thread = threading.Thread(target=_load, name="usage-encoding", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    try:
        import tiktoken

        name = next((name for name in _ENCODINGS if _lies_on_disk(name)), None)
        if name is not None:
            encoding = tiktoken.get_encoding(name)
            _loaded.append(lambda text: len(encoding.encode_ordinary(text)))
    except Exception as error:  # noqa: BLE001 - an estimate is not worth a failure of any kind
        log.debug("Tokens are estimated by their characters: %s", error)


def _lies_on_disk(encoding: str) -> bool:
    """Whether tiktoken will find `encoding` in its cache. The same rule as in ``tiktoken.load.read_file_cached``."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    path = Path(folder) / _cache_key(encoding)
    if not folder or not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == _ENCODINGS[encoding]


def _cache_key(encoding: str) -> str:
    return hashlib.sha1(_ENCODING_URL.format(encoding).encode(), usedforsecurity=False).hexdigest()
