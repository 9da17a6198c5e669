"""In which periods, and by whom, a limit was reached at all, by the cubes: only those calls have to be looked at one by
one to tell what a budget would have refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from openwebui_usage.ledger.conversion import CONVERTED
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.database import fetch, placeholder
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.folding import read_marks
from openwebui_usage.ledger.progress import read_progress
from openwebui_usage.ledger.report_spans import stretches
from openwebui_usage.ledger.report_values import Values
from openwebui_usage.ledger.roles import users_with_role
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.schema import usage_dimension
from openwebui_usage.ledger.statements import prefix
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.periods import period_at, rolling_slots

_MOST_STRETCHES = 500
"""That SQLite takes in one statement."""
_MOST_NEW_ROWS = 50_000
"""Rows that are looked through for some that are in no cube yet."""
_IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Reached:
    """A period, or the part of it that is asked for, in seconds since the epoch; `end` is not included."""

    start: float
    end: float
    calls: int
    """How many calls of it have to be looked at."""
    users: frozenset[str] | None = None
    """Whose; None for everybody's."""


def limit_reached(
    connection: Connection, schema: str | None, budget: Budget, definitions: Definitions, start: float, end: float
) -> list[Reached] | None:
    """Where the calls from `start` to `end` come to the limit or more, in order of time.

    None where the cubes do not tell: rows of older versions are not in them yet. May have periods, and users, that do
    not reach it.
    """
    periods = _periods(budget, start, end)
    if periods is None or _is_incomplete(connection, schema, start):
        return None
    parts = [(int(first // QUARTER), int(-(-last // QUARTER)), number) for number, (first, last) in enumerate(periods)]
    covered = _Covered(connection, budget, definitions)
    if covered.condition is None:
        return []
    found = _sums(connection, schema, budget, parts, covered)
    if found is None:
        return None
    users = _user_ids(connection, {user for _, user, _ in found}) if covered.is_by_user else {}
    by_period: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for part, user, calls in found:
        by_period[part].append((user, calls))
    reached = []
    for part, mine in sorted(by_period.items()):
        ids = frozenset(users[user] for user, _ in mine if user in users) if covered.is_by_user else None
        reached.append(Reached(*periods[part], sum(calls for _, calls in mine), ids))
    return reached


class _Covered:
    """The combinations that a budget counts."""

    def __init__(self, connection: Connection, budget: Budget, definitions: Definitions) -> None:
        values, scope = Values(connection), budget.scope
        self.is_by_user = not scope.is_shared
        self.columns = {"user"} if self.is_by_user else set()
        conditions: list[str] = ['c."user" > 0'] if self.is_by_user else []
        is_possible = True
        if not _covers_all(budget):
            self.columns |= {"model", "called_model"}
            held = {name: _models(connection, name, budget, definitions) for name in ("model", "called_model")}
            either = [f'c."{name}" IN ({_listed(numbers)})' for name, numbers in held.items() if numbers]
            is_possible = bool(either)
            conditions.append(f"({' OR '.join(either)})")
        if scope.kind == "user":
            self.columns.add("user")
            number = values.number("user", scope.id or "")
            is_possible = is_possible and number is not None
            conditions.append(f'c."user" = {number}')
        elif scope.is_of_role:
            self.columns.add("user")
            numbers = users_with_role(connection, scope.id or "")
            is_possible = is_possible and bool(numbers)
            conditions.append(f'c."user" IN ({_listed(numbers)})')
        elif scope.is_of_group:
            self.columns |= {"user", "user_groups"}
            sets = values.sets("user_group", {scope.id or ""})
            is_possible = is_possible and bool(sets)
            conditions.append(f'c."user" > 0 AND c.user_groups IN ({_listed(sets)})')
        self.condition = (" AND ".join(conditions) or "1 = 1") if is_possible else None
        """On `usage_combination` as `c`; None where nothing fits."""


def _periods(budget: Budget, start: float, end: float) -> list[tuple[float, float]] | None:
    """None where one begins within a quarter of an hour, as in some zones long ago. In place of a rolling one stands
    all of the time: whoever used less than the limit in it did so in each part of it.
    """
    if rolling_slots(budget.period) is not None:
        return [(start, end)]
    found = []
    while start < end:
        ends_at = period_at(budget.period, budget.timezone, datetime.fromtimestamp(start, UTC)).ends_at
        last = end if ends_at is None else min(end, ends_at.timestamp())
        found.append((start, last))
        start = last
    return None if any(last % QUARTER for _, last in found[:-1]) else found


def _is_incomplete(connection: Connection, schema: str | None, start: float) -> bool:
    """Whether there may be rows that are in no cube yet. Those before `converted` are in all of them."""
    mark = placeholder(connection)
    after = max(read_progress(connection, CONVERTED) or "", id_at(start - 2 * QUARTER))
    statement = (
        f"SELECT count(*), count(CASE WHEN combination IS NULL AND NOT unverified THEN 1 END) FROM "  # noqa: S608
        f"(SELECT combination, unverified FROM {prefix(schema)}usage_call WHERE id > {mark} "
        f"ORDER BY id LIMIT {_MOST_NEW_ROWS}) AS rows_of_late"
    )
    [(rows, outside)] = fetch(connection, statement, (after,))
    return bool(rows >= _MOST_NEW_ROWS or outside)


def _sums(
    connection: Connection,
    schema: str | None,
    budget: Budget,
    parts: Sequence[tuple[int, int, int]],
    covered: _Covered,
) -> list[tuple[int, int, int]] | None:
    """Number of the period, of the user or 0, and how many calls, where those come to the limit."""
    rows = stretches(parts, covered.columns, read_marks(connection))
    if not rows:
        return []
    if len(rows) > _MOST_STRETCHES:
        return None
    before, user = prefix(schema), 'c."user"' if covered.is_by_user else "0"
    least = budget.least_limit or 0
    statement = (
        f"WITH r(cube, first, last, part, width, sign) AS (VALUES {', '.join(str(tuple(row)) for row in rows)}) "  # noqa: S608
        f"SELECT part, who, sum(calls) FROM (SELECT r.part + (u.start - r.first) / r.width AS part, {user} AS who, "
        f"sum(r.sign * ({_AMOUNTS[budget.unit, budget.counting]})) AS amount, sum(r.sign * u.calls) AS calls "
        f"FROM r CROSS JOIN {before}usage_cube u CROSS JOIN {before}usage_combination c "
        f"WHERE u.cube = r.cube AND u.start >= r.first AND u.start < r.last AND c.id = u.combination "
        f"AND {covered.condition} GROUP BY 1, 2) AS sums GROUP BY part, who HAVING sum(amount) >= {least}"
    )
    try:
        found = fetch(connection, statement)
    except DBAPIError as error:
        if "integer overflow" not in str(error.orig):
            raise
        return None
    return [(int(part), int(who), int(calls)) for part, who, calls in found]


_OUTPUT = {"documented": "u.completion + u.reasoning", "billed": "u.output"}
_AMOUNTS = {
    (unit, counting): amount
    for counting, output in _OUTPUT.items()
    for unit, amount in (("tokens", f"u.input + {output}"), ("requests", "u.calls"), ("usd", "u.cost_nano"))
}
"""As `Budget.used` has it."""


def _covers_all(budget: Budget) -> bool:
    return budget.group is None and budget.group_id is None and "*" in budget.models


def _models(connection: Connection, kind: str, budget: Budget, definitions: Definitions) -> set[int]:
    query = select(usage_dimension.c.id, usage_dimension.c.key).where(usage_dimension.c.kind == kind)
    return {int(id_) for id_, key in connection.execute(query) if budget.covers((key,), definitions.groups)}


def _user_ids(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    wanted, found = sorted(numbers), dict[int, str]()
    for start in range(0, len(wanted), _IDS_PER_QUERY):
        query = select(usage_dimension.c.id, usage_dimension.c.key)
        part = query.where(usage_dimension.c.id.in_(wanted[start : start + _IDS_PER_QUERY]))
        found |= {int(id_): key for id_, key in connection.execute(part)}
    return found


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
