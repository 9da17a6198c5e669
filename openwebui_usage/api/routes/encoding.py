"""Answers that may hold thousands of entries, made and encoded off the event loop.

Entry by entry: the encoder lets no other thread run before it is done with what it is given, and thousands of models
that live at once keep the garbage collector busy, which lets none run either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

_ENTRIES = 500
"""That are encoded at once: about 3 ms."""


async def json_response(view: Callable[[], Mapping[str, str]]) -> Response:
    """An object of what `view` returns, JSON by name, made in a thread. FastAPI itself would go through all of it once
    more, on the event loop.
    """
    return await asyncio.to_thread(lambda: Response(_object(view().items()), media_type="application/json"))


def json_object(entries: Iterable[tuple[str, BaseModel | str]]) -> str:
    """`entries`, by name, as JSON."""
    return _object((name, _text(entry)) for name, entry in entries)


def json_array(entries: Iterable[BaseModel]) -> str:
    """`entries` as JSON."""
    return "[" + ",".join(map(_text, entries)) + "]"


def json_bytes(answer: Mapping[str, Any]) -> bytes:
    """An object as JSON. A value that is an iterator becomes an array, some hundred entries at a time."""
    return b"{" + b",".join(_encoded(name) + b":" + _value(value) for name, value in answer.items()) + b"}"


def _value(value: object) -> bytes:
    return b"[" + b",".join(_slices(value)) + b"]" if isinstance(value, Iterator) else _encoded(value)


def _slices(entries: Iterator[object]) -> Iterator[bytes]:
    while some := list(islice(entries, _ENTRIES)):
        yield _encoded(some)[1:-1]


def _encoded(value: object) -> bytes:
    try:
        return to_json(value)
    except PydanticSerializationError:  # Half of a surrogate pair, which only JSON's own escapes can write.
        return json.dumps(value).encode()


def _object(texts: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in texts) + "}"


def _text(entry: BaseModel | str) -> str:
    """What was left out of a model is left out of its JSON."""
    return json.dumps(entry) if isinstance(entry, str) else entry.model_dump_json(by_alias=True, exclude_unset=True)
