"""What budgets want of a call besides refusing it: that it waits, that its model thinks less, that its answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openwebui_usage.admission.counters import LiveCounters
from openwebui_usage.rules.actions import lowers_effort, seconds_to_wait
from openwebui_usage.rules.budgets import Counter
from openwebui_usage.rules.pricing import Cost


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a call waits before its provider is asked, and which budget makes it wait."""

    seconds: float
    counter: Counter
    used: int


@dataclass(frozen=True, slots=True)
class Steering:
    """What holds for one call at this moment."""

    wait: Wait | None = None
    low_effort: bool = False
    """Whether its model should think less."""


NOTHING = Steering()


async def steering(live: LiveCounters, counters: Sequence[Counter]) -> Steering:
    """What the budgets of `counters` want, by what is used of them."""
    asked = [counter for counter in counters if counter.budget.action == "slow" or counter.budget.effort_from]
    if not asked:
        return NOTHING
    standings = list(zip(asked, await live.look(asked), strict=True))
    waits = [
        Wait(seconds, counter, standing.used)
        for counter, standing in standings
        if (seconds := seconds_to_wait(counter.budget, standing.used))
    ]
    return Steering(
        max(waits, key=lambda wait: wait.seconds, default=None),
        any(lowers_effort(counter.budget, standing.used) for counter, standing in standings),
    )


async def most_output(
    live: LiveCounters, counters: Sequence[Counter], call_id: str, prompt: int, cost: tuple[Cost | None, Cost | None]
) -> int | None:
    """How many tokens an answer may have, so that nothing is used beyond the limits of `counters`: at least 1, or None
    where none of them caps it.

    `prompt` is in tokens; `cost` is the prompt's alone, and the same with `PER` tokens of output.
    """
    asked = [counter for counter in counters if counter.budget.cap_output and counter.budget.unit != "requests"]
    most: list[int] = []
    for counter, standing in zip(asked, await live.look(asked, call_id), strict=True) if asked else ():
        budget = counter.budget
        left = (budget.limit or 0) - standing.used - standing.reserved
        if budget.unit == "tokens":
            most.append(left - prompt)
        elif cost[0] is not None and cost[1] is not None and cost[1].nano > cost[0].nano:
            most.append((left - cost[0].nano) * PER // (cost[1].nano - cost[0].nano))
    return max(1, min(most)) if most else None


PER = 1000
"""Tokens of output by which the price of one is told."""
