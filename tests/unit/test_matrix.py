"""The table of docs/versions.md, as tests/run --hosts writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.matrix import ABSENT, FAILS, OK, Cells, merged

PAGE = """# Versions

<!-- the matrix: written by tests/run --hosts -->

<!-- the end of the matrix -->

`ok`: tried.
"""


def table(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]


def test_each_run_fills_in_the_column_of_its_version_and_leaves_the_others() -> None:
    page = merged(PAGE, "0.9.6", {"Starts": OK, "Socket": FAILS, "Run": "first"})
    page = merged(page, "0.10.2", {"Starts": OK, "Socket": OK, "Automation": OK, "Run": "second"})
    page = merged(page, "0.9.6", {"Starts": OK, "Socket": OK, "Automation": ABSENT, "Run": "third"})
    assert table(page) == [
        ["", "0.10.2", "0.9.6"],
        ["---"] * 3,
        ["Starts", OK, OK],
        ["Socket", OK, OK],
        ["Automation", OK, ABSENT],
        ["Run", "second", "third"],
    ]
    assert page.startswith("# Versions\n")
    assert page.endswith("`ok`: tried.\n")


@pytest.mark.parametrize(
    ("phases", "cell"),
    [
        ([("passed", ""), ("passed", ""), ("passed", "")], OK),
        ([("passed", ""), ("failed", ""), ("passed", "")], FAILS),
        ([("failed", ""), ("passed", "")], FAILS),
        ([("passed", ""), ("passed", ""), ("failed", "")], FAILS),
        ([("passed", ""), ("skipped", "Skipped: not there"), ("passed", "")], ABSENT),
        ([("skipped", "Skipped: no Chromium")], FAILS),
    ],
)
def test_a_cell_is_as_good_as_the_worst_phase_of_its_test(
    tmp_path: Path, phases: list[tuple[str, str]], cell: str
) -> None:
    cells = Cells(tmp_path / "cells.json")
    for outcome, reason in phases:
        cells.note("Starts", outcome, reason)
    assert cells.read() == {"Starts": cell}
