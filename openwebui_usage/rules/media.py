"""Whether a request holds images, which not every model takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 6


def has_images(body: Mapping[str, Any]) -> bool:
    """Whether a request shows the model an image, in any provider's form."""
    return any(_shows_image(body.get(key), 0) for key in ("messages", "input", "images"))


def _shows_image(value: object, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, list | tuple):
        return any(_shows_image(item, depth + 1) for item in value)
    if not isinstance(value, Mapping):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and "image" in kind:
        return True
    return bool(value.get("images")) or _shows_image(value.get("content"), depth + 1)
