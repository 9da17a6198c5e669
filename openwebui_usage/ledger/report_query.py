"""What is asked of a report, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from openwebui_usage.ledger.schema import CUBE_SUMS
from openwebui_usage.rules.buckets import Bucket, TimeRange

Dimension = Literal[
    "user", "user_group", "model", "called_model", "connection", "usage_group", "kind", "key", "outcome"
]
"""What calls are grouped and chosen by."""
REPORT_DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
COLUMNS: Mapping[Dimension, str] = {
    **{name: name for name in REPORT_DIMENSIONS},
    "usage_group": "groups",
    "user_group": "user_groups",
}
"""The column of `usage_combination` for each; those of the groups have sets of them."""
NAMED: frozenset[Dimension] = frozenset(("user", "user_group", "connection"))
"""Whose values have an id and a name."""
RECORDED_LATE: frozenset[Dimension] = frozenset(("user_group", "connection", "kind", "key"))
"""What older versions did not record."""

NONE = "none"
"""The value of a call that has none: made by nobody, in no group, by no key."""
NOT_RECORDED = "not recorded"
"""The value of a call of the time before this was recorded."""
OTHER = "Other"
"""The row of all that is not among the top."""

MOST_GROUPED_BY = 2


@dataclass(frozen=True, slots=True)
class Readable:
    """Whose calls somebody may read: those that a user made, or members of some user groups; by default everybody's."""

    user: str | None = None
    """A user's id."""
    user_groups: frozenset[str] | None = None
    """Ids of user groups; a call is of those that its user was a member of when it was made."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """One question. Whatever is given as text is an id or a name; of models an id or a glob."""

    time: TimeRange
    bucket: Bucket = "none"
    group_by: tuple[Dimension, ...] = ()
    """At most `MOST_GROUPED_BY`."""
    filters: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)
    """A call is counted where it fits one value of each. `none` and `not recorded` are values, too."""
    top: int | None = None
    """How many groups have rows of their own, by cost, then tokens, then calls; the others are one, `Other`."""
    compare_previous: bool = False
    readable: Readable = Readable()
    with_refusals: bool = True
    """Whether calls that a limit refused are counted, too: nothing coarser than quarters of an hour is kept of them."""


class Named(NamedTuple):
    """A value that has an id, and the name that it last had."""

    id: str
    name: str


Value = str | Named

REPORT_SUMS = (*CUBE_SUMS, "errors", "refused")


class ReportSums(NamedTuple):
    """What calls come to: tokens, nano-dollars and numbers of calls."""

    calls: int = 0
    estimated_calls: int = 0
    unpriced_calls: int = 0
    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    completion: int = 0
    reasoning: int = 0
    output: int = 0
    cost_nano: int = 0
    cost_input: int = 0
    cost_cached: int = 0
    cost_cache_write: int = 0
    cost_output: int = 0
    errors: int = 0
    """Calls among `calls` that ended with an error."""
    refused: int = 0
    """Calls that a limit refused; they are not among `calls`."""

    @property
    def out(self) -> int:
        """OUT by the documented formula."""
        return self.completion + self.reasoning

    @property
    def total(self) -> int:
        """TOTAL by the documented formula."""
        return self.input + self.out

    @property
    def billed(self) -> int:
        """All tokens that were billed, each once."""
        return self.input + self.output

    @property
    def rank(self) -> tuple[int, ...]:
        """What the top is chosen by: the greater, the nearer."""
        return self.cost_nano, self.total, self.calls, self.refused


class ReportRow(NamedTuple):
    """One group of calls in one part of the time, which begins at `start`, in quarters of an hour since the epoch."""

    start: int
    values: tuple[Value, ...]
    """In the order of `group_by`."""
    sums: ReportSums


@dataclass(frozen=True, slots=True)
class Report:
    """An answer. There is no row where there is no call."""

    query: ReportQuery
    rows: tuple[ReportRow, ...]
    """By time, then the greatest group first, `Other` last."""
    totals: ReportSums
    """Of all calls that were asked for, each once."""
    previous: ReportSums | None
    """The same of the time before."""
    recorded_since: float | None
    """Since when this ledger knows what older versions did not record, in seconds since the epoch; None for ever."""
    is_complete: bool = True
    """Whether all calls of the time are in it: those of older versions are only after their conversion."""
