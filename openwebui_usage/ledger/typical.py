"""What one call of a model typically uses at each reasoning effort, from the latest calls.

Only aggregates of at least `LEAST_CALLS` calls leave here, each with how many users they are of, see
`TypicalEffort.may_know`. The work is bounded: so many of the newest rows are read, however many there are.
"""

from __future__ import annotations

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, select

from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.effort_levels import LEVELS

DAYS = 30
"""Older calls say little of how a model answers today."""
LEAST_CALLS = 8
"""With fewer nothing is known: their quartiles would say more about these few questions than about the model."""
LEAST_USERS = 3
"""Of fewer, each could tell what the other used."""
MOST_ROWS = 20_000
"""That are looked at."""
_ROWS_AT_ONCE = 2_000
"""In one transaction, so that none stays open for long."""
_CALLS_OF_EACH = 500
"""Newest calls of a model at an effort that count."""

_EFFORT = re.compile(rf"{'|'.join(LEVELS)}|on|\d{{1,9}} tokens")
"""As rows have it where the plugin or the host set it."""

_COLUMNS = tuple(
    usage_call.c[name]
    for name in (
        "id",
        "user_id",
        "called_model",
        "effort",
        "task",
        "outcome",
        "estimated",
        "unverified",
        "input",
        "cached_input",
        "cache_write",
        "completion",
        "reasoning",
        "output",
        "cost_nano",
        "cost_input",
        "cost_cached",
        "cost_cache_write",
    )
)


class Quartiles(NamedTuple):
    """A quarter of the calls used no more than `first`, half no more than `median`."""

    first: float
    median: float
    third: float


@dataclass(frozen=True, slots=True)
class TypicalEffort:
    """Of the answers of one model at one effort."""

    calls: int
    """That this is known from."""
    output: Quartiles
    """Tokens that were generated and billed, reasoning among them."""
    documented: Quartiles
    """The same as groups of documented counting count it: completion plus reasoning tokens."""
    cost: Quartiles | None
    """Nano-dollars, without those of the prompt where they are known apart; None where too few calls had a price."""
    users: int = LEAST_USERS
    """Whose calls these are."""
    only_user: str | None = None
    """The id of that user, where it is one."""

    def may_know(self, user_id: str) -> bool:
        """Whether this tells a user nothing of any one other person."""
        return self.users >= LEAST_USERS or (self.users == 1 and self.only_user == user_id)


@dataclass(frozen=True, slots=True)
class TypicalModel:
    """What is known of one model."""

    prompt_price: float | None
    """Nano-dollars that a prompt token cost which came from no cache; None where costs are known as sums alone, or not
    at all. Then the costs of efforts are those of whole calls.
    """
    efforts: Mapping[str, TypicalEffort]
    """By what was sent to the provider; "" for calls to which nothing was said."""

    @property
    def calls(self) -> int:
        """That all this is known from."""
        return sum(effort.calls for effort in self.efforts.values())


TypicalModels = Mapping[str, TypicalModel]
"""By the id that the provider was asked for, those with the most calls first."""


class TypicalCalls:
    """Looks into one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine) -> None:
        """Reads nothing yet."""
        self._engine = engine

    def read(self, now: float) -> TypicalModels:
        """All models of which enough is known, at `now` (seconds since the epoch)."""
        found: dict[str, _Samples] = defaultdict(_Samples)
        for row in self._newest(id_at(now - DAYS * 86_400)):
            if _tells_something(row):
                found[row.called_model].add(row)
        models = ((name, samples.typical()) for name, samples in found.items())
        known = [(name, model) for name, model in models if model.efforts]
        return dict(sorted(known, key=lambda each: (-each[1].calls, each[0])))

    def _newest(self, first_id: str) -> Iterator[Row[Any]]:
        """The newest first. Ids increase with time."""
        query = select(*_COLUMNS).where(usage_call.c.id >= first_id).order_by(usage_call.c.id.desc())
        last_id: str | None = None
        for _ in range(MOST_ROWS // _ROWS_AT_ONCE):
            part = query if last_id is None else query.where(usage_call.c.id < last_id)
            with self._engine.connect() as connection:
                rows = connection.execute(part.limit(_ROWS_AT_ONCE)).all()
            yield from rows
            if len(rows) < _ROWS_AT_ONCE:
                return
            last_id = rows[-1].id


class TypicalUse:
    """What `read` found last, read anew every few minutes. Asking for it never reads."""

    SECONDS = 300.0
    """Between two readings."""

    def __init__(self, read: Callable[[float], TypicalModels], clock: Callable[[], float] = time.time) -> None:
        """Knows nothing until `refresh` is called."""
        self._read = read
        self._clock = clock
        self._read_at: float | None = None
        self.models: TypicalModels = {}

    def refresh(self) -> None:
        """Read it anew where that is due. Blocks: call it off the event loop."""
        now = self._clock()
        if self._read_at is not None and 0 <= now - self._read_at < self.SECONDS:
            return
        self._read_at = now  # Even where it fails: a database in trouble is not asked more often.
        self.models = self._read(now)


@dataclass(slots=True)
class _AtEffort:
    users: set[str | None] = field(default_factory=set)
    output: list[int] = field(default_factory=list)
    documented: list[int] = field(default_factory=list)
    whole_costs: list[int] = field(default_factory=list)
    answer_costs: list[int] = field(default_factory=list)


class _Samples:
    """The calls of one model."""

    def __init__(self) -> None:
        self._efforts: dict[str, _AtEffort] = defaultdict(_AtEffort)
        self._prompt_price: float | None = None

    def add(self, row: Row[Any]) -> None:
        """One call, the newest first."""
        at = self._efforts[row.effort or ""]
        if len(at.output) >= _CALLS_OF_EACH:
            return
        at.users.add(row.user_id)
        at.output.append(row.output)
        at.documented.append(row.completion + row.reasoning)
        if row.cost_nano is None:
            return
        at.whole_costs.append(row.cost_nano)
        if row.cost_input is None:
            return
        of_prompt = row.cost_input + (row.cost_cached or 0) + (row.cost_cache_write or 0)
        at.answer_costs.append(max(0, row.cost_nano - of_prompt))
        uncached = row.input - row.cached_input - row.cache_write
        if self._prompt_price is None and uncached > 0:
            self._prompt_price = row.cost_input / uncached

    def typical(self) -> TypicalModel:
        by_parts = self._prompt_price is not None
        return TypicalModel(
            self._prompt_price,
            {
                effort: TypicalEffort(
                    len(at.output),
                    _quartiles(at.output),
                    _quartiles(at.documented),
                    _enough(at.answer_costs if by_parts else at.whole_costs),
                    len(at.users),
                    next(iter(at.users)) if len(at.users) == 1 else None,
                )
                for effort, at in self._efforts.items()
                if len(at.output) >= LEAST_CALLS
            },
        )


def _tells_something(row: Row[Any]) -> bool:
    """Titles and tags are no answers; stopped and failed calls are shorter than they would have been. An effort that is
    none was somebody's own words.
    """
    is_whole = row.outcome == "done" and not row.estimated and not row.unverified
    return is_whole and not row.task and row.output > 0 and (not row.effort or bool(_EFFORT.fullmatch(row.effort)))


def _enough(costs: Sequence[int]) -> Quartiles | None:
    return _quartiles(costs) if len(costs) >= LEAST_CALLS else None


def _quartiles(values: Iterable[int]) -> Quartiles:
    return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))
