"""What user groups are charged, per day and model. Once a month is over, what was told of it never changes.

The first time that a month is asked for after its end, its charges are kept. Calls that come later (from a spool file,
or long ones) become corrections, which are kept in turn.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.database import reading, sharing
from openwebui_usage.ledger.folding import read_marks
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.report_spans import stretches
from openwebui_usage.ledger.report_sums import Grouping, SumReader
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.schema import CUBE_SUMS, FOCUS_SUMS, usage_cost_center, usage_focus
from openwebui_usage.rules.chargeback import Charged, charged_group

_DAY = 96
"""Quarters of an hour."""
_MOST_TRIES = 5
_PLACES = tuple(CUBE_SUMS.index(name) for name in FOCUS_SUMS)
_NOTHING = (0,) * len(FOCUS_SUMS)

_Sums = tuple[int, ...]
"""In the order of `FOCUS_SUMS`."""
_Of = tuple[int, int]
"""The numbers of a set of user groups and of a model."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What the calls of a model on one day come to for one user group. Costs are in nano-dollars."""

    day: int
    """Its first quarter of an hour (UTC) since the epoch."""
    correction: int
    """0 for what was told first, then which correction it is; its numbers may be negative."""
    charged: Charged
    model: str
    calls: int
    input: int
    cached_input: int
    cache_write: int
    output: int
    cost_nano: int
    cost_input: int
    cost_cached: int
    cost_cache_write: int
    cost_output: int


@dataclass(frozen=True, slots=True)
class _Kept:
    number: int
    charged: Charged
    sums: _Sums


class Focus:
    """Charges of one ledger. Blocks: call it off the event loop."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        """`engine` already knows the schema; `schema` is for what goes to the driver directly."""
        self._engine = engine
        self._schema = schema

    def cost_centers(self) -> dict[str, str]:
        """Cost centers by the ids of user groups."""
        with self._engine.connect() as connection:
            return read_cost_centers(connection)

    def put_cost_centers(self, cost_centers: Mapping[str, str]) -> None:
        """Replace all of them. What was told of closed months stays."""
        with sharing(self._engine) as connection:
            before = dict(sorted(read_cost_centers(connection).items()))
            write_cost_centers(connection, cost_centers)
            note(connection, "cost_centers", "cost_centers", "changed", before, dict(sorted(cost_centers.items())))

    def charges(self, start: int, end: int, now: float) -> Iterator[Charge]:
        """Charges of the month from `start` to `end` (not included), in quarters of an hour since the epoch, in order.

        They are kept if the month is over by `now` (seconds since the epoch).
        """
        for day in range(start, end, _DAY):
            yield from self._day(day, is_closed=end * QUARTER <= now)

    def _day(self, day: int, *, is_closed: bool) -> list[Charge]:
        for _ in range(_MOST_TRIES):
            with reading(self._engine) as connection:
                values = Values(connection)
                kept = _kept(connection, day)
                new = self._new(connection, values, day, kept)
                values.know(model for _, model in {*kept, *new})
                models = {model: values.shown("model", model)[0] for _, model in {*kept, *new}}
            if is_closed and new:
                try:
                    self._keep(day, new)
                except IntegrityError:  # Another worker was quicker.
                    continue
            told: dict[tuple[int, Charged, str], _Sums] = defaultdict(lambda: _NOTHING)
            for of, entry in [*((of, entry) for of, entries in kept.items() for entry in entries), *new.items()]:
                key = (entry.number, entry.charged, str(models[of[1]]))
                told[key] = tuple(map(operator.add, told[key], entry.sums))
            ordered = sorted(told, key=lambda key: (key[0], key[1].group_name, key[1].group_id, key[2]))
            return [Charge(day, *key, *told[key]) for key in ordered]
        raise TimeoutError("Others kept the same day again and again")

    def _new(
        self, connection: Connection, values: Values, day: int, kept: Mapping[_Of, list[_Kept]]
    ) -> dict[_Of, _Kept]:
        """What is not among what was kept."""
        reader = SumReader(connection, self._schema, None)
        sums: dict[_Of, _Sums] = defaultdict(lambda: _NOTHING)
        columns = ("user_groups", "model")
        read = stretches([(day, day + _DAY, 0)], columns, read_marks(connection))
        for _, (groups, model), found in reader.of_cubes(read, Grouping(columns), ""):
            picked = (int(found[place]) for place in _PLACES)
            sums[groups, model] = tuple(map(operator.add, sums[groups, model], picked))
        number = 1 + max((entry.number for entries in kept.values() for entry in entries), default=-1)
        cost_centers = read_cost_centers(connection)
        charged: dict[int, Charged] = {0: charged_group((), cost_centers)}
        new: dict[_Of, _Kept] = {}
        for of in sorted({*sums, *kept}):
            before = kept.get(of, [])
            left = sums[of]
            for entry in before:
                left = tuple(map(operator.sub, left, entry.sums))
            if not any(left):
                continue
            if of[0] not in charged:
                values.know([of[0]])
                members = values.shown("user_group", of[0])
                charged[of[0]] = charged_group([(str(group[0]), str(group[1])) for group in members], cost_centers)
            new[of] = _Kept(number, before[0].charged if before else charged[of[0]], left)
        return new

    def _keep(self, day: int, new: Mapping[_Of, _Kept]) -> None:
        rows = [
            {
                "start": day,
                "number": entry.number,
                "user_groups": groups,
                "model": model,
                "group_id": entry.charged.group_id,
                "group_name": entry.charged.group_name,
                "cost_center": entry.charged.cost_center,
                **dict(zip(FOCUS_SUMS, entry.sums, strict=True)),
            }
            for (groups, model), entry in new.items()
        ]
        with sharing(self._engine) as connection:
            connection.execute(insert(usage_focus), rows)


def _kept(connection: Connection, day: int) -> dict[_Of, list[_Kept]]:
    query = select(usage_focus).where(usage_focus.c.start == day).order_by(usage_focus.c.number)
    kept: dict[_Of, list[_Kept]] = defaultdict(list)
    for row in connection.execute(query):
        charged = Charged(row.group_id, row.group_name, row.cost_center)
        sums = tuple(int(getattr(row, name)) for name in FOCUS_SUMS)
        kept[row.user_groups, row.model].append(_Kept(row.number, charged, sums))
    return kept


def read_cost_centers(connection: Connection) -> dict[str, str]:
    """By the ids of user groups."""
    query = select(usage_cost_center.c.user_group, usage_cost_center.c.cost_center)
    return dict(connection.execute(query).tuples().all())


def write_cost_centers(connection: Connection, cost_centers: Mapping[str, str]) -> None:
    """Replace all of them."""
    connection.execute(delete(usage_cost_center))
    if cost_centers:
        rows = [{"user_group": id_, "cost_center": center} for id_, center in sorted(cost_centers.items())]
        connection.execute(insert(usage_cost_center), rows)
