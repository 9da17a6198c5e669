"""Answers that may hold thousands of entries, made and encoded off the event loop.

Entry by entry: the encoder lets no other thread run before it is done with what it is given, and thousands of models
that live at once keep the garbage collector busy, which lets none run either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel
from starlette.responses import Response


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


def _object(texts: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in texts) + "}"


def _text(entry: BaseModel | str) -> str:
    """What was left out of a model is left out of its JSON."""
    return json.dumps(entry) if isinstance(entry, str) else entry.model_dump_json(by_alias=True, exclude_unset=True)
