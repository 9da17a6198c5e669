"""Answers that may hold thousands of entries, made into text off the event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response


async def json_response(view: Callable[[], dict[str, Any]]) -> Response:
    """What `view` returns, as JSON. Both are made in a thread: FastAPI itself would go through it all once more, on the
    event loop.
    """
    return await asyncio.to_thread(lambda: Response(encoded(view()), media_type="application/json"))


def encoded(shown: dict[str, Any]) -> str:
    """As JSON, an entry at a time: the encoder lets no other thread run before it is done with what it is given."""
    return "{" + ",".join(f"{json.dumps(name)}:{_text(value)}" for name, value in shown.items()) + "}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{json.dumps(each)}" for name, each in value.items()) + "}"
    return "[" + ",".join(map(json.dumps, value)) + "]" if isinstance(value, list) else json.dumps(value)
