"""Money: US dollars, kept as whole nano-dollars so that sums lose nothing."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

NANO = 1_000_000_000
"""Nano-dollars in one US dollar."""


def nano_dollars(dollars: Decimal) -> int:
    """US dollars as whole nano-dollars, rounded half up."""
    return int((dollars * NANO).to_integral_value(ROUND_HALF_UP))


def dollars(nano: int | None) -> float | None:
    """Nano-dollars as US dollars, for JSON. None stays None."""
    return None if nano is None else nano / NANO
