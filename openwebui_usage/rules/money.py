"""Money: US dollars, kept as whole nano-dollars so that sums lose nothing."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

NANO = 1_000_000_000
"""Thousand-millionths in one US dollar: money is counted in whole nano-dollars."""


def nano_dollars(dollars: Decimal) -> int:
    """Whole nano-dollars, rounded half up."""
    return int((dollars * NANO).to_integral_value(ROUND_HALF_UP))


def dollars(nano: int | None) -> float | None:
    """For JSON; None stays None."""
    return None if nano is None else nano / NANO
