"""Bounds the values of rows, so that every database accepts them: texts in bytes, numbers to 64 bits, valid JSON.

Much of a row comes from callers and providers. Whatever they send, the row must be accepted, and no index entry or sum
may become too large.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

MOST_TEXT_BYTES = 1000
"""UTF-8 bytes of a text. PostgreSQL refuses index entries above 2,704 bytes
(https://www.postgresql.org/docs/current/btree.html#BTREE-LIMITS)."""
MOST_COUNT = 10**15
"""For tokens and nano-USD of one call. 9,000 such calls fit into 64 bits."""
MOST_SUM = 2**62 - 1
"""The greatest total, and the most that one commit may add to it. Both together fit into 64 bits."""
LATEST_TIME = 253_402_214_400.0
"""Seconds since the epoch: a day before the end of the year 9999, which can be expressed in every time zone."""
_LONGEST_RAW_USAGE = 10_000
_STRICT = json.JSONEncoder(default=str, allow_nan=False)


def bounded_text(value: str | None) -> str | None:
    """At most `MOST_TEXT_BYTES` of UTF-8, cut between characters. NUL and halves of surrogate pairs are replaced."""
    if value is None or (len(value) <= MOST_TEXT_BYTES // 4 and value.isprintable()):
        return value
    text = value[:MOST_TEXT_BYTES].replace("\0", "\ufffd").encode(errors="replace")
    return text[:MOST_TEXT_BYTES].decode(errors="ignore")


def bounded_count(value: object) -> int:
    """A whole number from 0 to `MOST_COUNT`. 0 for anything that is not a number."""
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else (MOST_COUNT if value > 0 else 0)
    return max(0, min(value, MOST_COUNT)) if isinstance(value, int) else 0


def bounded_counts(values: tuple[Any, ...]) -> tuple[int, ...]:
    """The same for several. Returns the argument itself if nothing has to be changed, as nearly always."""
    for value in values:
        if type(value) is not int or not 0 <= value <= MOST_COUNT:
            return tuple(map(bounded_count, values))
    return values


def bounded_seconds(value: object) -> float | None:
    """A duration, or None if it is not finite."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -LATEST_TIME < value < LATEST_TIME:
        return float(value)
    return None


def bounded_sum(value: int) -> int:
    """A number that may be added to a total."""
    return max(0, min(value, MOST_SUM))


def bounded_sums(values: tuple[int, ...]) -> tuple[int, ...]:
    """The same for several. Returns the argument itself if nothing has to be changed, as nearly always."""
    return values if min(values) >= 0 and max(values) <= MOST_SUM else tuple(map(bounded_sum, values))


def is_moment(value: object) -> bool:
    """Whether this is a time, in seconds since the epoch, for which periods can be calculated."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LATEST_TIME


def usage_text(usage: Mapping[str, Any] | None) -> str | None:
    """The provider's own usage as JSON text. None if it is too long or not valid JSON."""
    if usage is None:
        return None
    try:
        try:
            raw = _STRICT.encode(usage)
        except ValueError:  # Python would write NaN and Infinity, which no other parser accepts.
            raw = _STRICT.encode(_without_nan(usage))
    except (ValueError, TypeError, RecursionError):
        return None
    return raw if len(raw) <= _LONGEST_RAW_USAGE else None


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
