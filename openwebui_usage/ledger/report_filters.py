"""Which combinations a report counts, as conditions of SQL with numbers alone: texts are looked up before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openwebui_usage.ledger.report_query import COLUMNS, NONE, NOT_RECORDED, RECORDED_LATE, Dimension, Readable
from openwebui_usage.ledger.report_values import Fits, Values, fitting

_FEW_USERS = 50


class Filters:
    """What one report counts: what is wanted of what may be read."""

    def __init__(self, values: Values, wanted: Mapping[Dimension, tuple[str, ...]], readable: Readable) -> None:
        """Both are looked up at once."""
        self._wanted = {dimension: frozenset(texts) for dimension, texts in wanted.items() if texts}
        self._numbers = {dimension: values.numbers(dimension, texts) for dimension, texts in self._wanted.items()}
        self._readable: dict[Dimension, set[int]] = {}
        self._readable_groups = readable.user_groups
        if readable.user is not None:
            number = values.number("user", readable.user)
            self._readable["user"] = set() if number is None else {number}
        if readable.user_groups is not None:
            self._readable["user_group"] = values.sets("user_group", readable.user_groups)

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """The dimensions that it looks at."""
        return frozenset((*self._wanted, *self._readable))

    @property
    def is_of_few_users(self) -> bool:
        """Whether to begin with the combinations of the users: their rows are few, whatever else there is."""
        users = self._readable.get("user")
        if users is None and NONE not in self._wanted.get("user", (NONE,)):
            users = self._numbers["user"]
        return users is not None and len(users) <= _FEW_USERS

    def condition(self, *, recorded: bool) -> str | None:
        """The condition on `usage_combination` as `c`, empty where any will do; None where nothing can fit it.

        `recorded` is false for the time before everything was recorded.
        """
        conditions = []
        for dimension, numbers in self._all(recorded=recorded):
            if not numbers:
                return None
            conditions.append(f'c."{COLUMNS[dimension]}" IN ({", ".join(map(str, sorted(numbers)))})')
        return " AND ".join(conditions)

    def of_members(self, dimension: Dimension) -> tuple[Fits, ...]:
        """What a member of a set has to fit to be shown: of a call's groups, only those that are asked for are."""
        fits = []
        if dimension in self._wanted:
            fits.append(fitting(dimension, self._wanted[dimension]))
        if dimension == "user_group" and self._readable_groups is not None:
            groups = self._readable_groups
            fits.append(lambda key, _: key in groups)
        return tuple(fits)

    def _all(self, *, recorded: bool) -> Iterator[tuple[Dimension, set[int]]]:
        yield from self._readable.items()
        for dimension, numbers in self._numbers.items():
            nothing = NONE if recorded or dimension not in RECORDED_LATE else NOT_RECORDED
            yield dimension, numbers | ({0} if nothing in self._wanted[dimension] else set())
