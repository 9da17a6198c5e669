"""Histograms of durations with logarithmic bounds: small, added up exactly, and good for percentiles within 5 %.

Each bound is `GROWTH` times the one before. A percentile is told as the middle of the interval that it lies in, so it
is wrong by (GROWTH - 1) / (GROWTH + 1) of itself at most, which is less than `RELATIVE_ERROR`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping

GROWTH = 1.1
RELATIVE_ERROR = 0.05
SHORTEST, LONGEST = 0.001, 86_400.0
"""Seconds. What is shorter or longer is counted as this, and told so."""

_LOG_GROWTH = math.log(GROWTH)
_MIDDLE = 2 / (GROWTH + 1)
"""Of an interval, as a part of its upper bound: as far from both ends, in proportion to the value."""

Histogram = Counter[int]
"""How many durations lie in each interval. Number n goes from GROWTH ** (n - 1) to GROWTH ** n milliseconds."""


def interval_of(seconds: float) -> int:
    """The number of the interval that a duration lies in; 0 for `SHORTEST` and less."""
    if seconds <= SHORTEST:
        return 0
    return math.ceil(math.log(min(seconds, LONGEST) / SHORTEST) / _LOG_GROWTH)


def histogram_of(durations: Iterable[float]) -> Histogram:
    """Of durations in seconds."""
    return Counter(map(interval_of, durations))


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The duration in seconds that `share` (0 to 1) of all do not exceed; None where there are none."""
    left = math.ceil(share * sum(histogram.values())) or 1
    for interval in sorted(histogram):
        left -= histogram[interval]
        if left <= 0:
            return SHORTEST * GROWTH**interval * (_MIDDLE if interval else 1.0)
    return None


def to_text(histogram: Mapping[int, int]) -> str:
    """As it is stored: JSON of numbers of intervals and counts in turn."""
    return json.dumps([number for pair in sorted(histogram.items()) for number in pair], separators=(",", ":"))


def add_text(histogram: Histogram, text: str) -> None:
    """Add what `to_text` made."""
    numbers = json.loads(text)
    for interval, count in zip(numbers[::2], numbers[1::2], strict=True):
        histogram[interval] += count
