"""JSON that can always be sent. A model may cut a character in two, and half a surrogate pair is no Unicode."""

from __future__ import annotations

import json
from typing import Any


def sound_json(data: Any, *, separators: tuple[str, str] = (", ", ": ")) -> bytes:
    """JSON in UTF-8. Halves that belong together are joined, what else is no Unicode becomes U+FFFD."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=separators)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
