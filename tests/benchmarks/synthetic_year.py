"""A synthetic year of calls, for benchmarks: many people, some models, busy days and quiet nights.

Cubes are filled without rows, as a year of calls would have left them; rows can be made from them for as many of the
latest quarters as are wanted.
"""

from __future__ import annotations

import io
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert

from openwebui_usage.ledger import CallInfo, CallRow, Store
from openwebui_usage.ledger.combinations import Combinations, names_of, values_of
from openwebui_usage.ledger.cubes import CUBES, FIELDS, FOLDED, QUARTER, Combination, quarter_of
from openwebui_usage.ledger.database import Transaction, sharing
from openwebui_usage.ledger.folding import summed
from openwebui_usage.ledger.progress import write_progress
from openwebui_usage.ledger.recording import _COLUMNS, _call_values, _Counted
from openwebui_usage.ledger.schema import CUBE_SUMS, usage_group
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.pricing import Cost
from openwebui_usage.rules.tokens import TokenUsage

USERS, MODELS, CONNECTIONS, USER_GROUPS, USAGE_GROUPS = 5_000, 30, 10, 20, 40
QUARTERS = 365 * 96
_KINDS = ("chat", "chat", "chat", "task", "api")
_HOURS = [1, 1, 1, 1, 1, 2, 4, 10, 30, 45, 50, 45, 35, 45, 50, 48, 40, 30, 20, 15, 12, 8, 5, 2]


@dataclass(frozen=True, slots=True)
class Kind:
    """Calls of one combination."""

    info: CallInfo
    groups: tuple[Group, ...]
    usage: TokenUsage
    cost: int

    @property
    def sums(self) -> tuple[int, ...]:
        """Of one call, in the order of `CUBE_SUMS`."""
        usage, cost = self.usage, self.cost
        counts = (usage.input, usage.cached_input, usage.cache_write, usage.completion, usage.reasoning, usage.output)
        return (1, 0, 0, *counts, cost, cost // 4, 0, 0, cost - cost // 4)


class Year:
    """The year that ends now, with `calls` calls in it."""

    def __init__(self, store: Store, engine: Engine, calls: int, seed: int = 1) -> None:
        """Makes users, models and groups."""
        self._store, self._engine, self._chance = store, engine, random.Random(seed)
        self.last = quarter_of(datetime.now(UTC).timestamp()) - 8
        self.first = self.last - QUARTERS
        weights = [self._weight(quarter) for quarter in range(self.first, self.last)]
        self._per_quarter = [calls * weight / sum(weights) for weight in weights]
        self._kinds = self._make_kinds()
        self._numbers: list[Combination] = []
        self._sums = [kind.sums for kind in self._kinds]
        rank = [1 / math.sqrt(number + 1) for number in range(len(self._kinds))]
        self._chance.shuffle(rank)
        self._weights = list(itertools.accumulate(rank))

    def fill_cubes(self) -> int:
        """Returns how many rows cube 0 has."""
        self._number()
        rows = self._cube_rows()
        count = _bulk(self._engine, "usage_cube", ("cube", "start", "combination", *CUBE_SUMS), rows)
        dialect = self._engine.dialect.name
        with self._engine.begin() as connection:
            for cube in CUBES[1:]:
                spans = {"quarter": "c.start", "hour": "c.start - c.start % 4", "day": "c.start - c.start % 96"}
                if cube.span == "month":
                    _fill_months(connection, cube, self.first, self.last)
                    continue
                sums = ", ".join(summed(f"c.{name}", dialect) for name in CUBE_SUMS)
                connection.exec_driver_sql(
                    f"INSERT INTO usage_cube (cube, start, combination, {', '.join(CUBE_SUMS)}) "
                    f"SELECT {cube.id}, {spans[cube.span]}, k.{FIELDS[cube.family]}, {sums} FROM usage_cube c "
                    "JOIN usage_combination k ON k.id = c.combination WHERE c.cube = 0 GROUP BY 2, 3"
                )
            write_progress(connection, FOLDED, str(self.last))
            write_progress(connection, "converted", f"{self.last * QUARTER * 10**9:016x}")
            write_progress(connection, "recorded_since", repr(float(self.first * QUARTER)))
        _analyze(self._engine)
        return count

    def fill_rows(self, calls: int) -> int:
        """The rows of the latest calls, at most about so many; returns how many."""
        count = _bulk(self._engine, "usage_call", _COLUMNS, self._call_rows(calls))
        _analyze(self._engine)
        return count

    @property
    def a_user(self) -> str:
        """One who asks as often as most."""
        return str(self._kinds[len(self._kinds) // 2].info.user_id)

    def _weight(self, quarter: int) -> float:
        moment = datetime.fromtimestamp(quarter * QUARTER, UTC)
        growth = 1 + (quarter - self.first) / QUARTERS
        return _HOURS[moment.hour] * (0.15 if moment.weekday() > 4 else 1.0) * growth

    def _make_kinds(self) -> list[Kind]:
        groups = [
            Group(f"group{number:027}", f"Usage group {number}", (f"model-{number % MODELS}",), None, "documented")
            for number in range(USAGE_GROUPS)
        ]
        with self._engine.begin() as connection:
            connection.execute(insert(usage_group), [_group_values(group) for group in groups])
        kinds = []
        for user in range(USERS):
            mine = tuple(sorted({f"ug-{user % USER_GROUPS}", f"ug-{user * 7 % USER_GROUPS}"}))
            for model in self._chance.sample(range(MODELS), 3):
                connection_ = f"openai:https://provider-{model % CONNECTIONS}.example/v1"
                info = CallInfo(
                    f"model-{model}",
                    f"model-{model}",
                    user_id=f"user-{user}",
                    user_name=f"User {user}",
                    user_groups=mine,
                    user_group_names=tuple(name.replace("ug-", "Group ") for name in mine),
                    kind=self._chance.choice(_KINDS),  # type: ignore[arg-type]
                    connection=connection_,
                    connection_name=connection_.partition(":")[2],
                    chat_id=f"chat-{user}-{model}",
                    path="/api/chat/completions",
                )
                prompt, answer = self._chance.randint(50, 4000), self._chance.randint(20, 1500)
                usage = TokenUsage(prompt, prompt // 3, 0, answer, answer // 5, answer)
                holding = tuple(group for number, group in enumerate(groups) if number % MODELS == model)
                kinds.append(Kind(info, holding, usage, (prompt + 4 * answer) * (model + 1) * 100))
        return kinds

    def _number(self) -> None:
        combinations = Combinations()
        for start in range(0, len(self._kinds), 1000):
            part = self._kinds[start : start + 1000]
            with sharing(self._engine) as connection:
                transaction = Transaction(connection, connection.connection.cursor())
                wanted = [values_of(kind.info, "done", kind.groups) for kind in part]
                names = {name: text for kind in part for name, text in names_of(kind.info, kind.groups).items()}
                resolved = combinations.resolve(transaction, set(wanted), names, None)
            combinations.remember(resolved)
            self._numbers += [resolved.combinations[values] for values in wanted]

    def _cube_rows(self) -> Iterator[tuple[Any, ...]]:
        for quarter in range(self.first, self.last):
            for place, calls in sorted(self._calls_of(quarter).items()):
                yield (0, quarter, self._numbers[place].id, *(calls * count for count in self._sums[place]))

    def _calls_of(self, quarter: int) -> Counter[int]:
        expected = self._per_quarter[quarter - self.first]
        chance = random.Random(quarter)
        count = int(expected) + (chance.random() < expected % 1)
        return Counter(chance.choices(range(len(self._kinds)), cum_weights=self._weights, k=count))

    def _call_rows(self, most: int) -> Iterator[tuple[Any, ...]]:
        quarters, count = self.last, 0
        while quarters > self.first and count < most:
            quarters -= 1
            count += self._calls_of(quarters).total()
        for quarter in range(quarters, self.last):
            moments = random.Random(-quarter)
            for place, calls in self._calls_of(quarter).items():
                kind = self._kinds[place]
                for _ in range(calls):
                    at = quarter * QUARTER + moments.random() * QUARTER
                    id_ = f"{int(at * 1e9):016x}{moments.getrandbits(64):016x}"
                    row = CallRow(kind.info, at, kind.usage, duration=2.0, raw_usage={"total_tokens": 1}, id=id_)
                    cost = Cost(kind.cost, "genai-prices", (kind.cost // 4, 0, 0, kind.cost - kind.cost // 4), "1")
                    usage = kind.usage
                    counts = (
                        usage.input,
                        usage.cached_input,
                        usage.cache_write,
                        usage.completion,
                        usage.reasoning,
                        usage.output,
                    )
                    yield _call_values(_Counted(row, cost, counts, kind.groups), self._numbers[place].id)


def _fill_months(connection: Any, cube: Any, first: int, last: int) -> None:
    """From the days of the same family."""
    [days] = [other for other in CUBES if other.family == cube.family and other.span == "day"]
    starts = sorted({cube.start_of(quarter) for quarter in range(first, last, 96)} | {cube.start_of(last)})
    sums = ", ".join(summed(name, connection.dialect.name) for name in CUBE_SUMS)
    for start, end in itertools.zip_longest(starts, starts[1:], fillvalue=last + 96):
        connection.exec_driver_sql(
            f"INSERT INTO usage_cube (cube, start, combination, {', '.join(CUBE_SUMS)}) "
            f"SELECT {cube.id}, {start}, combination, {sums} FROM usage_cube "
            f"WHERE cube = {days.id} AND start >= {start} AND start < {end} GROUP BY combination"
        )


def _group_values(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "models": list(group.models),
        "limit": None,
        "counting": "documented",
        "created_at": 0.0,
        "period": "total",
        "timezone": "UTC",
        "action": "block",
        "soft_limits": [],
        "reset_at": None,
    }


def _bulk(engine: Engine, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
    """Insert rows as fast as the database takes them."""
    names, count = ", ".join(f'"{name}"' for name in columns), 0
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        iterator = iter(rows)
        while part := list(itertools.islice(iterator, 50_000)):
            if engine.dialect.name == "sqlite":
                places = ", ".join("?" * len(columns))
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", part)
            else:
                text = "".join("\t".join(map(_copied, row)) + "\n" for row in part)
                cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", io.StringIO(text))  # type: ignore[attr-defined]
            connection.commit()
            count += len(part)
    finally:
        connection.close()
    return count


def _copied(value: object) -> str:
    return "\\N" if value is None else str(value)


def _analyze(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
