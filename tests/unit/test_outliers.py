"""Which day is far beyond somebody's usual one."""

from __future__ import annotations

import pytest

from openwebui_usage.rules.outliers import compare

EVEN = [100] * 30
BUSY = [90, 100, 110, 95, 105] * 6
WEEKDAYS = [100, 110, 90, 100, 105, 0, 0] * 4


@pytest.mark.parametrize(
    ("days", "last", "is_unusual", "why"),
    [
        ([], 49, False, "new, and below the floor"),
        ([], 50, True, "new, and at the floor"),
        (EVEN, 199, False, "even days are no reason to be strict: less than twice the usual day"),
        (EVEN, 200, True, "twice the usual day"),
        (BUSY, 150, False, "within what the days differ by"),
        (BUSY, 200, True, "beyond twice the median"),
        ([10, 1000] * 15, 4_500, False, "days that differ this much say little"),
        ([*[100] * 29, 100_000], 200, True, "one wild day moves neither the median nor the MAD"),
        (WEEKDAYS, 215, True, "days without calls are not usual days"),
        (WEEKDAYS, 190, False, "a usual working day, twice it not reached"),
        ([1, 2, 1, 2], 49, False, "many times the usual day, but below the floor"),
        ([0] * 30, 50, True, "zeros are days without calls"),
    ],
    ids=str,
)
def test_a_last_day_is_unusual(days: list[int], last: int, is_unusual: bool, why: str) -> None:
    assert compare(days, last, floor=50, deviations=6).is_unusual is is_unusual, why


def test_the_numbers_are_told() -> None:
    found = compare(BUSY, 400, floor=50, deviations=6)
    assert (found.last, found.usual, found.days) == (400, 100, 30)
    assert found.threshold == 200
    spread = compare([10, 20, 30, 40, 50], 400, floor=0, deviations=6)
    assert (spread.usual, spread.threshold) == (30, round(30 + 6 * 1.4826 * 10))


def test_somebody_who_used_nothing_is_never_unusual() -> None:
    assert not compare([], 0, floor=0, deviations=1).is_unusual
