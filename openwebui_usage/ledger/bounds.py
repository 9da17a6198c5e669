"""A row's values as every database takes them: texts bounded in bytes, numbers in 64 bits, JSON that is JSON.

Much of a row comes from callers and providers. Whatever they send, it must neither keep the row out of the ledger nor
make an index entry or a sum too large.
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
"""Tokens of one call, and nano-USD: 9,000 such calls fit into 64 bits."""
MOST_SUM = 2**62 - 1
"""What a total may reach, and what one commit may add to it: both together fit into 64 bits."""
LATEST_TIME = 253_402_214_400.0
"""Seconds since the epoch: the last day of the year 9999, which every time zone can still tell."""
_LONGEST_RAW_USAGE = 10_000


def bounded_text(value: str | None) -> str | None:
    """At most `MOST_TEXT_BYTES` of UTF-8, cut between characters. NUL and halves of surrogate pairs are replaced."""
    if value is None or (len(value) <= MOST_TEXT_BYTES // 4 and value.isprintable()):
        return value
    text = value[:MOST_TEXT_BYTES].replace("\0", "\ufffd").encode(errors="replace")
    return text[:MOST_TEXT_BYTES].decode(errors="ignore")


def bounded_count(value: object) -> int:
    """A whole number, 0 to `MOST_COUNT`; what is no number is 0."""
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) else (MOST_COUNT if value > 0 else 0)
    return max(0, min(value, MOST_COUNT)) if isinstance(value, int) else 0


def bounded_counts(values: tuple[Any, ...]) -> tuple[int, ...]:
    """The same for several. Nearly always all are as they should be, and come back as they are."""
    for value in values:
        if type(value) is not int or not 0 <= value <= MOST_COUNT:
            return tuple(map(bounded_count, values))
    return values


def bounded_seconds(value: object) -> float | None:
    """A span that is finite; None where it is not."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -LATEST_TIME < value < LATEST_TIME:
        return float(value)
    return None


def bounded_sum(value: int) -> int:
    """What may be added to a total at once."""
    return max(0, min(value, MOST_SUM))


def is_moment(value: object) -> bool:
    """Whether this is a time in seconds since the epoch that a period can be told of."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LATEST_TIME


def usage_text(usage: Mapping[str, Any] | None) -> str | None:
    """The provider's own usage as JSON text; None where it is too long, or cannot be written as JSON."""
    if usage is None:
        return None
    try:
        try:
            raw = json.dumps(usage, default=str, allow_nan=False)
        except ValueError:  # Python writes NaN and Infinity, which no other reader takes.
            raw = json.dumps(_without_nan(usage), default=str, allow_nan=False)
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
