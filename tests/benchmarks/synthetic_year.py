"""A synthetic year of calls, for benchmarks: many people, some models, busy days and quiet nights.

Cubes are filled without rows, as a year of calls would have left them; rows can be made from them for as many of the
latest quarters as are wanted.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from openwebui_usage.ledger import CallInfo, CallRow
from openwebui_usage.ledger.combinations import Combinations, names_of, values_of
from openwebui_usage.ledger.cubes import CUBES, FIELDS, MARKS, QUARTER, Combination, Cube, quarter_of
from openwebui_usage.ledger.database import Transaction, sharing
from openwebui_usage.ledger.folding import read_marks
from openwebui_usage.ledger.progress import write_progress
from openwebui_usage.ledger.recording import _COLUMNS, _call_values, _Counted
from openwebui_usage.ledger.schema import CUBE_SUMS, usage_group
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.pricing import Cost
from openwebui_usage.rules.tokens import TokenUsage

try:
    import numpy
except ImportError:  # It comes with Open WebUI, not with the test tools.
    host = Path(os.environ["OPENWEBUI_USAGE_TEST_HOST"])
    sys.path.append(str(host / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"))
    import numpy

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
    """The year that ends now, with about `calls` calls in it."""

    def __init__(self, engine: Engine, calls: int, seed: int = 1) -> None:
        """Draws users, models and groups. A year that the ledger has already is taken up again."""
        self._engine, self._chance = engine, random.Random(seed)
        with engine.connect() as connection:
            self.last = read_marks(connection).folded
        self.is_filled = self.last > 0
        if not self.is_filled:
            self.last = quarter_of(datetime.now(UTC).timestamp()) - 8
        self.first = self.last - QUARTERS
        weights = [self._weight(quarter) for quarter in range(self.first, self.last)]
        self._per_quarter = [calls * weight / sum(weights) for weight in weights]
        self._kinds = self._make_kinds()
        self._numbers: list[Combination] = []
        self._sums = numpy.array([kind.sums for kind in self._kinds], dtype=numpy.int64)
        rank = [1 / math.sqrt(number + 1) for number in range(len(self._kinds))]
        self._chance.shuffle(rank)
        self._up_to = numpy.cumsum(rank) / sum(rank)

    def fill_cubes(self, slot_days: int = 366) -> int:
        """Returns how many rows cube 0 has. Of it the first two days and so many of the latest are filled."""
        with self._engine.begin() as connection:
            connection.execute(insert(usage_group), [_group_values(group) for group in self._groups])
        self._number()
        with _without_indexes(self._engine):
            filled = _CubeFiller(self._engine, self._numbers, self._sums)
            filled.without_slots = range(self.first + 2 * 96, self.last - slot_days * 96)
            for quarter in range(self.first, self.last):
                filled.add(quarter, *self._calls_of(quarter))
            filled.close()
        with self._engine.begin() as connection:
            for mark in MARKS:
                write_progress(connection, mark, str(self.last))
            write_progress(connection, "converted", f"{self.last * QUARTER * 10**9:016x}")
            write_progress(connection, "recorded_since", repr(float(self.first * QUARTER)))
        _analyze(self._engine)
        return filled.slots

    def fill_rows(self, calls: int) -> int:
        """The rows of the latest calls, at most about so many; returns how many. Once, after the cubes."""
        if not self._numbers:
            self._number()
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
        self._groups = groups = [
            Group(f"group{number:027}", f"Usage group {number}", (f"model-{number % MODELS}",), None, "documented")
            for number in range(USAGE_GROUPS)
        ]
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

    def _calls_of(self, quarter: int) -> tuple[Any, Any]:
        """Which kinds are called, in order, and how often, as arrays; the same each time."""
        chance = numpy.random.default_rng(quarter)
        calls = chance.poisson(self._per_quarter[quarter - self.first])
        drawn = numpy.searchsorted(self._up_to, chance.random(calls), side="right")
        kinds, counts = numpy.unique(numpy.minimum(drawn, len(self._kinds) - 1), return_counts=True)
        return kinds, counts

    def _call_rows(self, most: int) -> Iterator[tuple[Any, ...]]:
        quarters, count = self.last, 0
        while quarters > self.first and count < most:
            quarters -= 1
            count += int(self._calls_of(quarters)[1].sum())
        for quarter in range(quarters, self.last):
            moments = random.Random(-quarter)
            kinds, counts = self._calls_of(quarter)
            for place, calls in zip(kinds.tolist(), counts.tolist(), strict=True):
                kind = self._kinds[place]
                for _ in range(calls):
                    at = quarter * QUARTER + moments.random() * QUARTER
                    id_ = f"{int(at * 1e9):016x}{moments.getrandbits(64):016x}"
                    first = moments.random()
                    row = CallRow(
                        kind.info,
                        at,
                        kind.usage,
                        first_token_after=first,
                        duration=first + 9 * moments.random(),
                        raw_usage={"total_tokens": 1},
                        id=id_,
                    )
                    cost = Cost(kind.cost, "genai-prices", (kind.cost // 4, 0, 0, kind.cost - kind.cost // 4), "1")
                    usage = kind.usage
                    tokens = (
                        usage.input,
                        usage.cached_input,
                        usage.cache_write,
                        usage.completion,
                        usage.reasoning,
                        usage.output,
                    )
                    yield _call_values(_Counted(row, cost, tokens, kind.groups), self._numbers[place].id)


class _CubeFiller:
    """Adds up quarters for every cube, and writes each span when it is over, in order."""

    def __init__(self, engine: Engine, numbers: Sequence[Combination], sums: Any) -> None:
        """`sums` are of one call of each kind."""
        self._sums = sums
        self._table = _CubeTable(engine)
        self._counts = {cube.id: numpy.zeros(len(numbers), dtype=numpy.int64) for cube in CUBES}
        self._starts: dict[int, int] = {}
        self._families = {family: _Family([getattr(number, field) for number in numbers], sums)
                          for family, field in FIELDS.items()}  # fmt: skip
        self.slots = 0
        self.without_slots = range(0)
        """Quarters that are not written into cube 0."""

    def add(self, quarter: int, kinds: Any, counts: Any) -> None:
        """The calls of the next quarter."""
        for cube in CUBES:
            start = cube.start_of(quarter)
            if self._starts.get(cube.id, start) != start:
                self._write(cube)
            self._starts[cube.id] = start
            self._counts[cube.id][kinds] += counts

    def close(self) -> None:
        """Write what is left."""
        for cube in CUBES:
            self._write(cube)
        self._table.close()

    def _write(self, cube: Cube) -> None:
        start = self._starts[cube.id]
        if cube.id or start not in self.without_slots:
            rows = self._families[cube.family].rows(cube.id, start, self._counts[cube.id])
            self._table.insert(rows)
            self.slots += len(rows) if cube.id == 0 else 0
        self._counts[cube.id][:] = 0


class _Family:
    """The kinds, put together by their numbers in one family."""

    def __init__(self, numbers: Sequence[int], sums: Any) -> None:
        self._order = numpy.argsort(numbers, kind="stable")
        self._numbers = numpy.array(numbers)[self._order]
        self._sums = sums[self._order]

    def rows(self, cube: int, start: int, counts: Any) -> Any:
        """Rows of the cube, as an array."""
        counts = counts[self._order]
        used = numpy.nonzero(counts)[0]
        sums = counts[used, None] * self._sums[used]
        numbers, firsts = numpy.unique(self._numbers[used], return_index=True)
        if 0 < len(numbers) < len(used):
            sums = numpy.add.reduceat(sums, firsts, axis=0)
        keys = numpy.empty((len(numbers), 3), dtype=numpy.int64)
        keys[:, 0], keys[:, 1], keys[:, 2] = cube, start, numbers
        return numpy.concatenate((keys, sums), axis=1)


class _CubeTable:
    """Takes rows of `usage_cube` as fast as the database does: each cube by itself, in order."""

    _MOST = 200_000

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: dict[int, list[Any]] = {}
        self._count = 0
        self._connection = engine.raw_connection()

    def insert(self, rows: Any) -> None:
        """Of one cube."""
        if len(rows):
            self._waiting.setdefault(int(rows[0, 0]), []).append(rows)
            self._count += len(rows)
        if self._count > self._MOST:
            self._flush()

    def close(self) -> None:
        """Write the rest."""
        self._flush()
        self._connection.close()

    def _flush(self) -> None:
        cursor = self._connection.cursor()
        columns = ("cube", "start", "combination", *CUBE_SUMS)
        for _, parts in sorted(self._waiting.items()):
            rows = numpy.concatenate(parts)
            if self._engine.dialect.name == "sqlite":
                places = ", ".join("?" * len(columns))
                cursor.executemany(f"INSERT INTO usage_cube ({', '.join(columns)}) VALUES ({places})", rows.tolist())
            else:
                statement = f"COPY usage_cube ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
                cursor.copy_expert(statement, io.BytesIO(_as_binary(rows)))  # type: ignore[attr-defined]
        self._connection.commit()
        self._waiting, self._count = {}, 0


def _as_binary(rows: Any) -> bytes:
    """As PostgreSQL copies it (https://www.postgresql.org/docs/current/sql-copy.html)."""
    kinds = [">i2", ">i4", ">i4", *[">i8"] * len(CUBE_SUMS)]
    fields = [("count", ">i2")]
    for number, kind in enumerate(kinds):
        fields += [(f"length{number}", ">i4"), (f"value{number}", kind)]
    packed = numpy.empty(len(rows), dtype=numpy.dtype(fields))
    packed["count"] = len(kinds)
    for number, kind in enumerate(kinds):
        packed[f"length{number}"] = int(kind[-1])
        packed[f"value{number}"] = rows[:, number]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + bytes(packed.tobytes()) + b"\xff\xff"


@contextmanager
def _without_indexes(engine: Engine) -> Iterator[None]:
    """Indexes are made when all rows are there; nothing of this has to survive a crash."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("DROP INDEX usage_cube_combination")
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA journal_mode=OFF")
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        else:
            connection.exec_driver_sql("ALTER TABLE usage_cube DROP CONSTRAINT usage_cube_pkey")
    yield
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA temp_store=MEMORY")
        else:
            connection.exec_driver_sql("SET maintenance_work_mem = '1GB'")
            connection.exec_driver_sql("ALTER TABLE usage_cube ADD PRIMARY KEY (cube, start, combination)")
        connection.exec_driver_sql("CREATE INDEX usage_cube_combination ON usage_cube (cube, combination, start)")
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA synchronous=NORMAL")


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
