"""The plugin's ledger as it lies in SQLite, and what it must say by the stand-in's own book."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from types import SimpleNamespace
from typing import Any, NamedTuple

from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Call

_REPORTS_REASONING = ("chat", "responses", "text")
"""The APIs that tell reasoning tokens apart."""
_OUTCOMES = {"done": "done", "gone": "stopped", "error": "error", "broken": "error", "refused": "error"}


class Tokens(NamedTuple):
    """What one call used, and how it ended."""

    model: str
    input: int
    cached_input: int
    cache_write: int
    completion: int
    reasoning: int
    output: int
    outcome: str


class Row(SimpleNamespace):
    """One row of `usage_call`, its columns as attributes."""

    @property
    def tokens(self) -> Tokens:
        columns = Tokens._fields[1:]
        return Tokens(self.called_model, *(getattr(self, column) for column in columns))


class Ledger:
    """The rows that came since `mark`, read without disturbing the writer."""

    def __init__(self, server: OpenWebUI) -> None:
        self._path = server.ledger_file
        self._before: set[str] = set()
        self.mark()

    def mark(self) -> None:
        """Forget what is there by now."""
        self._before = {row.id for row in self.all()}

    def all(self) -> list[Row]:
        """Every row, oldest call first."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT * FROM usage_call ORDER BY started_at").fetchall()
        return [Row(**dict(row)) for row in rows]

    def rows(self, **chosen: Any) -> list[Row]:
        """The rows since the mark whose columns have these values."""
        return [
            row
            for row in self.all()
            if row.id not in self._before and all(getattr(row, name) == value for name, value in chosen.items())
        ]

    def wait(self, count: int, *, timeout: float = 5, **chosen: Any) -> list[Row]:
        """Return once there are `count` such rows, or more."""
        wait_until(
            lambda: len(self.rows(**chosen)) >= count,
            timeout=timeout,
            what=f"the ledger has {count} new rows",
            details=lambda: "\n".join(str(row) for row in self.rows()),
        )
        return self.rows(**chosen)


def owed(call: Call) -> Tokens:
    """The row that the provider's bill for `call` must become."""
    billed = call.billed or dict.fromkeys(("prompt", "cached", "cache_write", "completion", "reasoning", "output"), 0)
    return Tokens(
        model=call.model,
        input=billed["prompt"],
        cached_input=billed["cached"],
        cache_write=billed["cache_write"],
        completion=billed["completion"],
        reasoning=billed["reasoning"] if call.api in _REPORTS_REASONING else 0,
        output=billed["output"],
        outcome=_OUTCOMES[call.ended or ""],
    )


def assert_equal(rows: Iterable[Row], calls: Iterable[Call]) -> None:
    """The ledger and the book say the same, token by token, each call once."""
    assert Counter(row.tokens for row in rows) == Counter(owed(call) for call in calls)
