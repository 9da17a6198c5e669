"""Bounds the length of model ids that are kept as keys: callers may send megabytes."""

from __future__ import annotations

import hashlib

MOST_CHARACTERS = 256
_KEPT = 200


def bounded(model_id: str) -> str:
    """`model_id`, or if it is longer than any real one, its beginning and a digest. Distinct ids stay distinct."""
    if len(model_id) <= MOST_CHARACTERS:
        return model_id
    digest = hashlib.sha256(model_id.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{model_id[:_KEPT]}…{digest}"
