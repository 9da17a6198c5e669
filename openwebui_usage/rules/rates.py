"""Rates: budgets of a minute, which hold for each model by itself.

The minute is the sixty seconds before now, not one of the clock's: no sixty seconds ever hold more than the limit.
What a call uses counts from when it was admitted, by an estimate, which is set right when the call ends. The ledger
has no totals of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from openwebui_usage.rules.budgets import Budget, Subject, subject_of
from openwebui_usage.rules.periods import MINUTE

SECONDS: Final = 60.0
_WORKERS = ("UVICORN_WORKERS", "WEB_CONCURRENCY")
"""Variables that say how many workers there are: of Open WebUI's start script, and of uvicorn."""


def is_rate(budget: Budget) -> bool:
    """Whether a budget is one of a minute."""
    return budget.period == MINUTE


def rate_key(budget: Budget, caller: Subject, model: str) -> str:
    """What is counted together: a subject's calls of one model, in one unit."""
    digest = hashlib.sha256(model.encode(errors="surrogatepass")).hexdigest()[:32]
    return f"{subject_of(budget, caller)}:{budget.unit}:{budget.counting}:{digest}"


def seconds_until_free(entries: Iterable[tuple[float, int]], used: int, most: int, now: float) -> float:
    """After how many seconds no more than `most` is used, if nothing is added. `entries` are when and how much, in
    order of time, and come to `used`.
    """
    for moment, amount in entries:
        used -= amount
        if used <= most:
            return max(0.0, moment + SECONDS - now)
    return SECONDS


def workers_of(environment: Mapping[str, str]) -> int:
    """How many workers count by themselves where there is no Redis."""
    for name in _WORKERS:
        if environment.get(name, "").isdigit():
            return max(1, int(environment[name]))
    return 1
