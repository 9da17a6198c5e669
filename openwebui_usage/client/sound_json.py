"""JSON that can always be encoded. A model may split a character, and half a surrogate pair is not valid Unicode."""

from __future__ import annotations

import json
from typing import Any


def sound_json(data: Any, *, separators: tuple[str, str] = (", ", ": ")) -> bytes:
    """JSON in UTF-8. Halves of surrogate pairs are joined if they are adjacent, else replaced by U+FFFD."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=separators)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
