"""The matrix of docs/versions.md: what was tried in each version of Open WebUI, and what came of it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

CELLS_VARIABLE = "OPENWEBUI_USAGE_TEST_CELLS"
"""The file that a run of tests/hosts writes its cells to."""
NEWEST_VARIABLE = "OPENWEBUI_USAGE_TEST_NEWEST"
"""The environment of the newest Open WebUI, which takes over the data of the others."""
OK, ABSENT, FAILS = "ok", "–", "**fails**"
_START, _END = "<!-- the matrix: written by tests/run --hosts -->", "<!-- the end of the matrix -->"
_RUN = "Run"

Column = dict[str, str]
"""What each cell of one version says, by the name of the row."""


class Cells:
    """The cells of one run, in a file."""

    def __init__(self, path: Path) -> None:
        """It need not be there yet."""
        self._path = path

    def read(self) -> Column:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def note(self, name: str, outcome: str, reason: str) -> None:
        """One phase of a test ended with `outcome`, as pytest calls it; `reason` is why it was skipped."""
        cells = self.read()
        if outcome == "failed":
            cells[name] = FAILS
        elif outcome == "skipped":
            cells[name] = ABSENT if "not there" in reason else FAILS
        else:
            cells.setdefault(name, OK)
        self._path.write_text(json.dumps(cells, ensure_ascii=False))


def merged(page: str, version: str, column: Column) -> str:
    """`page` with the column of one version in its matrix, newest version first; rows that are new come last."""
    before, rest = page.split(_START)
    table, after = rest.split(_END)
    columns = _read(table)
    columns[version] = column
    return f"{before}{_START}\n\n{_written(columns)}\n\n{_END}{after}"


def _read(table: str) -> dict[str, Column]:
    lines = [line.strip().strip("|").split("|") for line in table.strip().splitlines() if line.strip()]
    if not lines:
        return {}
    head, _, *rows = [[cell.strip() for cell in line] for line in lines]
    return {
        version: {row[0]: row[number] for row in rows if row[number]} for number, version in enumerate(head) if number
    }


def _written(columns: dict[str, Column]) -> str:
    versions = sorted(columns, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    names = list(dict.fromkeys(name for version in versions for name in columns[version] if name != _RUN))
    rows = [["", *versions], ["---"] * (len(versions) + 1)]
    rows += [[name, *(columns[version].get(name, "") for version in versions)] for name in [*names, _RUN]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(page: Path, cells: Path, version: str, commit: str) -> None:
    """Write what a run found into the page."""
    column = Cells(cells).read() | {_RUN: f"{datetime.now(UTC):%Y-%m-%d}, `{commit}`"}
    page.write_text(merged(page.read_text(), version, column))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
