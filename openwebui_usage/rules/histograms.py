"""Histograms of durations with logarithmic bounds: small, added up exactly, and good for percentiles within 5 %.

Each bound is `GROWTH` times the one before. A percentile is told as the middle of the interval that it lies in, so it
is wrong by (GROWTH - 1) / (GROWTH + 1) of itself at most, which is less than `RELATIVE_ERROR`.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

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
            return middle_of(interval)
    return None


def middle_of(interval: int) -> float:
    """The duration in seconds that stands for an interval."""
    return SHORTEST * GROWTH**interval * (_MIDDLE if interval else 1.0)


def cumulative(histogram: Mapping[int, int], bounds: Sequence[float]) -> list[int]:
    """How many durations do not exceed each bound, in seconds and in ascending order; a bound is right within
    `RELATIVE_ERROR`.
    """
    found = [0] * (len(bounds) + 1)
    for interval, count in histogram.items():
        found[bisect_left(bounds, middle_of(interval))] += count
    return list(accumulate(found[:-1]))


def sum_of(histogram: Mapping[int, int]) -> float:
    """What the durations come to, in seconds, within `RELATIVE_ERROR`."""
    return math.fsum(middle_of(interval) * count for interval, count in sorted(histogram.items()))


def to_text(histogram: Mapping[int, int]) -> str:
    """As it is stored: JSON of numbers of intervals and counts in turn."""
    return json.dumps([number for pair in sorted(histogram.items()) for number in pair], separators=(",", ":"))


def add_text(histogram: Histogram, text: str) -> None:
    """Add what `to_text` made."""
    numbers = json.loads(text)
    for interval, count in zip(numbers[::2], numbers[1::2], strict=True):
        histogram[interval] += count
