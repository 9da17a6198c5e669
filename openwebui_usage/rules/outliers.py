"""Whether somebody's last day is far beyond their own usual one. No clock and no database.

The usual day is the median of the days on which they called, and what is still usual around it is measured by the
median distance of those days from it (MAD): a single wild day among thirty moves neither, as it would a mean and a
standard deviation. (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

DAYS = 30
"""Before the last day, that are looked at."""
MAD_TO_DEVIATION = 1.4826
"""The MAD of normally distributed numbers times this is their standard deviation."""
LEAST_TIMES = 2
"""Less than so many times the usual day is never far beyond it, however even the days were."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last day beside the usual one, in whatever unit the days are in."""

    last: int
    usual: int
    """The median of the days with calls; 0 where there were none."""
    threshold: int
    """From which on a day is unusual."""
    days: int
    """Days with calls that the usual one is made of."""

    @property
    def is_unusual(self) -> bool:
        """Whether the last day is far beyond the usual one."""
        return self.last >= self.threshold


def compare(days: Sequence[int], last: int, *, floor: int, deviations: float) -> Comparison:
    """Compare the last day with the `days` before, of which those without calls are 0.

    It is unusual from `deviations` (robust) standard deviations beyond the median on, from twice the median, and from
    `floor`, whichever is the most. Of somebody who never called before, the floor alone decides.
    """
    known = [day for day in days if day > 0]
    usual = median(known) if known else 0
    spread = median(abs(day - usual) for day in known) if known else 0
    threshold = max(floor, LEAST_TIMES * usual, usual + deviations * MAD_TO_DEVIATION * spread)
    return Comparison(last, round(usual), max(1, round(threshold)), len(known))
