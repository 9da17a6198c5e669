"""How much models usually write, learned from their latest answers. Reservations are based on this.

No user may influence the reservations of others. So the latest answers are remembered per user, and many short ones
neither lower what others reserve nor, for long, what the same user reserves.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.rules.money import nano_dollars
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_reading import reported_cost

HIGH = 0.9
"""The quantile of answers that is reserved: so many of them are not longer."""
_ANSWERS = 50
"""Answers to remember for each user of a model."""
_USERS = 50
"""Users to remember for each model: the latest ones."""
_MODELS = 1000
"""Models to remember. Bounded because some providers accept any model name."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Answers:
    """Latest answers for one user of one model."""

    outputs: deque[int] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    reasoning: deque[int] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    costs: deque[int] = field(default_factory=lambda: deque(maxlen=_ANSWERS))
    high: TokenUsage = field(default_factory=TokenUsage)
    high_cost: int | None = None

    def add(self, usage: TokenUsage, cost: int | None) -> None:
        self.outputs.append(usage.output)
        self.reasoning.append(usage.reasoning)
        self.high = TokenUsage(output=_high(self.outputs), reasoning=_high(self.reasoning))
        if cost is not None:
            self.costs.append(cost)
            self.high_cost = _high(self.costs)


class UsualAnswers:
    """Learns from settled rows. Thread-safe."""

    def __init__(self) -> None:
        """Starts without any knowledge."""
        self._lock = threading.Lock()
        self._models: OrderedDict[str, OrderedDict[str | None, _Answers]] = OrderedDict()

    def learn(self, rows: Iterable[CallRow]) -> None:
        """Learn from calls that ended, the latest last. Estimates are ignored."""
        for row in rows:
            if row.outcome != "done" or not row.usage.output or row.usage.estimated:
                continue
            claimed = reported_cost(row.raw_usage)
            cost = None if claimed is None else nano_dollars(Decimal(str(claimed)))
            with self._lock:
                users = _latest(self._models, row.info.called_model, OrderedDict, _MODELS)
                _latest(users, row.info.user_id, _Answers, _USERS).add(row.usage, cost)

    def long_answer(self, model: str, user_id: str | None) -> TokenUsage | None:
        """Output and reasoning of a long answer among the latest. None if the model is unknown.

        All users have the same weight, however many answers they got. The answers of `user_id` can only raise the
        result.
        """
        with self._lock:
            users = self._models.get(model)
            if not users:
                return None
            known = [answers.high for answers in users.values()]
            own = users[user_id].high if user_id in users else TokenUsage()
        return TokenUsage(
            output=max(own.output, _high(high.output for high in known)),
            reasoning=max(own.reasoning, _high(high.reasoning for high in known)),
        )

    def dear_answer(self, model: str) -> int | None:
        """The cost that the provider reported for such an answer, in nano-dollars. None if it never reports any."""
        with self._lock:
            users = self._models.get(model)
            known = [a.high_cost for a in users.values() if a.high_cost is not None] if users else []
        return _high(known) if known else None


def _high(numbers: Iterable[int]) -> int:
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * HIGH))]


def _latest(known: OrderedDict[_Key, _Value], key: _Key, new: Callable[[], _Value], most: int) -> _Value:
    """The entry of `key`, which becomes the most recently used one."""
    value = known.pop(key, None)
    known[key] = value = new() if value is None else value
    if len(known) > most:
        known.popitem(last=False)
    return value
