"""Estimates reasoning tokens that were billed but not shown, for streams that were stopped before they reported usage.

Models such as OpenAI's o-series send nothing while they reason. A client that stops at the first visible word may have
caused thousands of tokens that no chunk contains. The model's earlier answers tell how many to expect; for a model that
has not answered yet, the time before its first token does.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from openwebui_usage.rules.effort_levels import effort_levels

TOKENS_PER_SECOND = 60
"""Assumed for a model that has not answered yet. OpenAI's reasoning models write about as fast."""
_MOST_REMEMBERED = 1000
_WEIGHT = 0.2
_SILENT_BEFORE = 2.0
"""Seconds before the first token that any model may need. They are not counted as reasoning."""

Kind = tuple[str, str | None]
"""Id of the called model, and the requested effort."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Averages over a model's answers: hidden tokens, and seconds until the first visible one."""

    reasoning: float
    seconds: float


class UsualThoughts:
    """How many tokens models spend on reasoning, by effort, learned from reported usage. Thread-safe."""

    def __init__(self) -> None:
        """Starts without any knowledge."""
        self._known: OrderedDict[Kind, Usual] = OrderedDict()
        self._lock = Lock()

    def learn(self, model: str, effort: str | None, reasoning: int, seconds: float | None) -> None:
        """Note an answer with `reasoning` hidden tokens and `seconds` before its first visible one."""
        kind = (model, effort)
        with self._lock:
            known = self._known.get(kind, Usual(reasoning, seconds or 0.0))
            self._known[kind] = Usual(
                known.reasoning + _WEIGHT * (reasoning - known.reasoning),
                known.seconds + _WEIGHT * ((seconds or 0.0) - known.seconds),
            )
            self._known.move_to_end(kind)
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)

    def estimate(self, model: str, effort: str | None, silent: float, *, is_over: bool) -> int:
        """Hidden tokens of an answer that was silent for `silent` seconds.

        `is_over`: a visible token followed, so the reasoning had ended.
        """
        if effort == "none":
            return 0
        known = self._known.get((model, effort)) or self._known.get((model, None))
        if known is not None:
            share = 1.0 if is_over or known.seconds <= 0 else min(1.0, silent / known.seconds)
            return round(known.reasoning * share)
        if effort is None and not _thinks_by_itself(model):
            return 0
        return round(max(0.0, silent - _SILENT_BEFORE) * TOKENS_PER_SECOND)


def _thinks_by_itself(model: str) -> bool:
    levels = effort_levels(model)
    return levels is not None and levels.preset is not None and "none" not in levels.levels
