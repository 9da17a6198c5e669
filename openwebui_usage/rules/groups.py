"""Usage groups: a name, some models and a token limit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Literal

from openwebui_usage.rules.periods import CalendarPeriod

Counting = Literal["documented", "billed"]
"""How a group's OUT is counted: completion + reasoning tokens as reported (the documented way), or as billed."""
Action = Literal["block", "warn"]
"""What happens at the limit: further calls are refused, or only a warning is shown."""
DEFAULT_SOFT_LIMITS = (80, 95)
"""Percentages of a limit at which notices are sent."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group as an admin defined it. `models` are exact ids or globs, `limit` is in tokens (None: no limit)."""

    id: str
    name: str
    models: tuple[str, ...]
    limit: int | None = None
    counting: Counting = "documented"
    period: CalendarPeriod = "total"
    timezone: str = "UTC"
    action: Action = "block"
    soft_limits: tuple[int, ...] = DEFAULT_SOFT_LIMITS
    reset_at: float | None = None
    """When its counters were last reset, in seconds since the epoch."""

    def holds(self, model_ids: Iterable[str]) -> bool:
        """Whether any of `model_ids` (a model's own id, its base model's id) is in this group."""
        return any(matches(pattern, model_id) for pattern in self.models for model_id in model_ids)


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of many calls. All fields are kept, so that a change of `counting` applies to the past as well."""

    calls: int = 0
    estimated_calls: int = 0
    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    completion: int = 0
    reasoning: int = 0
    output: int = 0
    cost_nano: int = 0
    """Nano-dollars: billionths of a US dollar."""
    unpriced_calls: int = 0
    """Calls whose cost is unknown."""

    def out(self, counting: Counting) -> int:
        """OUT as a group shows it."""
        return self.output if counting == "billed" else self.completion + self.reasoning

    def total(self, counting: Counting) -> int:
        """TOTAL = IN + OUT."""
        return self.input + self.out(counting)


SUM_FIELDS = tuple(item.name for item in fields(Sums))


@dataclass(frozen=True, slots=True)
class GroupUsage:
    """A group with what its models used in the current period (`sums`) and since it exists (`ever`)."""

    group: Group
    sums: Sums = field(default_factory=Sums)
    ever: Sums = field(default_factory=Sums)


def matches(pattern: str, model_id: str) -> bool:
    """Whether `model_id` equals `pattern` or matches it as a glob: `*` is any run of characters, `?` any one.

    Only these two are special, because brackets occur in real model ids.
    """
    if pattern == model_id:
        return True
    return is_glob(pattern) and _compiled(pattern).fullmatch(model_id) is not None


def is_glob(pattern: str) -> bool:
    """Whether `pattern` may match other ids than itself."""
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    first, *others = ("".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    # Atomic groups: each part matches where it first occurs, so that no pattern can cause long backtracking.
    inner = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(f"{first}{inner}.*{others[-1]}", re.DOTALL)
