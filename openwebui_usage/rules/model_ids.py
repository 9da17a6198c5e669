"""Model ids as this package remembers them: callers may send megabytes, and what is a key of a cache stays."""

from __future__ import annotations

import hashlib

MOST_CHARACTERS = 256
_KEPT = 200


def bounded(model_id: str) -> str:
    """`model_id`, or where it is longer than any real one its beginning and a digest: different ids stay different."""
    if len(model_id) <= MOST_CHARACTERS:
        return model_id
    digest = hashlib.sha256(model_id.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{model_id[:_KEPT]}…{digest}"
