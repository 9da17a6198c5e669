"""Texts for people: amounts, and why a call was refused."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from openwebui_usage.rules.budgets import Budget, Refusal, Unit, retry_after
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import MINUTE, zone_of


def refusal_message(refusal: Refusal, now: datetime) -> str:
    """Why a call was refused: which limit, how much of it is used, and when it starts again."""
    budget, period = refusal.counter.budget, refusal.counter.period
    if budget.period == MINUTE and not refusal.is_of_prompt:
        used, limit = amount(refusal.used, budget.unit), amount(budget.limit or 0, budget.unit)
        return (
            f'Too fast for the usage limit "{budget.name}": {used} of {limit}{_UNIT_WORDS[budget.unit]} a minute. '
            f"Try again in {retry_after(refusal, now)} s."
        )
    if refusal.is_of_prompt:
        left = amount(max(0, (budget.limit or 0) - refusal.used), budget.unit)
        needed = amount(refusal.must_fit, budget.unit)
        text = (
            f"Your message needs about {needed}{_UNIT_WORDS[budget.unit]}, and {left} of the usage limit "
            f'"{budget.name}" are left. Send less, or begin a new chat.'
        )
        if period.ends_at is None or refusal.must_fit > (budget.limit or 0):
            return text
        return f"{text} Resets {_when(period.ends_at, budget.timezone, now)}."
    if refusal.used < (budget.limit or 0):
        return (
            f'The usage limit "{budget.name}" is taken up by answers that are still being written. '
            "Try again in a moment."
        )
    used, limit = amount(refusal.used, budget.unit), amount(budget.limit or 0, budget.unit)
    text = f'Usage limit reached for "{budget.name}": {used} of {limit}{_UNIT_WORDS[budget.unit]}.'
    if period.ends_at is None:
        return text
    return f"{text} Resets {_when(period.ends_at, budget.timezone, now)}."


def wait_message(budget: Budget, seconds: float, *, is_over: bool) -> str:
    """Why a call waits, or waited."""
    waits = "Waited" if is_over else "Waits"
    return f'{waits} {seconds:.0f} s: the usage limit "{budget.name}" is reached.'


def fallback_message(budget: Budget, model: str) -> str:
    """Which model answered in the place of another, and why."""
    return f'Answered by {model}: the usage limit "{budget.name}" is reached'


_UNIT_WORDS: dict[Unit, str] = {"tokens": " tokens", "usd": "", "requests": " requests"}


def amount(value: int, unit: Unit) -> str:
    """An amount as people read it: `1,000,123`, or `$12.34` for nano-dollars."""
    if unit != "usd":
        return f"{value:,}"
    if value == 0:
        return "$0.00"
    dollars = Decimal(value) / NANO
    places = next((places for places, least in ((2, "0.01"), (6, "0.000001")) if dollars >= Decimal(least)), 9)
    return f"${dollars.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"


def _when(moment: datetime, timezone: str, now: datetime) -> str:
    zone = zone_of(timezone)
    local, today = moment.astimezone(zone), now.astimezone(zone)
    day = f"{local.day} {local:%B}" if local.year == today.year else f"{local.day} {local:%B %Y}"
    return day if (local.hour, local.minute) == (0, 0) else f"{day}, {local:%H:%M}"
