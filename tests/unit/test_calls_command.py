"""`openwebui-usage calls` and `export calls`: the same calls on the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner, Result

from openwebui_usage.cli import app
from openwebui_usage.client.storage import Place
from openwebui_usage.ledger import Store
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables

NOON = 1_793_534_400
"""2026-11-01T12:00:00Z."""


@pytest.fixture(scope="module")
def ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a call of each of 2,500 seconds, the last by Ada. Nobody writes to it."""
    file = tmp_path_factory.mktemp("ledger") / "usage.db"
    engine = Place(f"sqlite:///{file}").engine()
    store = Store(engine)
    give_tables(engine)
    store.put_price(Price("*"))
    usage = TokenUsage(input=1_000, completion=10, output=10)
    store.record(
        [
            call_row(
                "gpt-4o" if number % 2 else "=o3",
                id=f"{(NOON + number) * 10**9:016x}{number:016x}",
                started_at=float(NOON + number),
                user_id="u1",
                user_name="Ada" if number else "Bo",
                kind="chat",
                usage=usage,
                duration=1.25,
            )
            for number in range(2_500)
        ]
    )
    engine.dispose()
    return file


@pytest.fixture
def database(ledger_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and a folder of its own for what a command writes."""
    monkeypatch.chdir(tmp_path)
    return ledger_file


def run(database: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--database", str(database)])


def test_a_table_for_people(database: Path) -> None:
    done = run(database, "calls", "--limit", "2", "--model", "gpt-*", "--tz", "Europe/Berlin")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["started_at", "user", "model", "kind"]
    assert [line.split()[:4] for line in lines[-2:]] == [
        ["2026-11-01", "13:41:39", "Ada", "gpt-4o"],
        ["2026-11-01", "13:41:37", "Ada", "gpt-4o"],
    ]
    assert "1,000" in lines[-1]
    assert "$0.0000" in lines[-1]


@pytest.mark.parametrize("limit", [3, 2_300])
def test_data_for_pipes(database: Path, limit: int) -> None:
    lines = run(database, "calls", "--limit", str(limit), "--format", "jsonl").stdout.splitlines()
    assert len(lines) == limit
    assert json.loads(lines[0])["started_at"] == "2026-11-01T12:41:39+00:00"


def test_a_file_has_every_call(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "calls.xlsx"
    done = run(database, "export", "calls", "--format", "xlsx", "--output", str(file), "--to", "2026-11-01T12:15:00Z")
    assert done.exit_code == 0, done.output
    assert openpyxl.load_workbook(file).active.max_row == 901
    rows = list(csv.DictReader(io.StringIO(run(database, "export", "calls").stdout)))
    assert len({row["id"] for row in rows}) == 2_500
    assert {row["model"] for row in rows} == {"gpt-4o", "'=o3"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("calls", "--kind", "guess"),
            "--kind: must be one of chat, task, api, client",
        ),
        (("calls", "--from", "yesterday"), "--from: must be a date or an instant"),
        (("export", "calls", "--tz", "Mars"), "--tz: must be an IANA time zone"),
        (("export", "calls", "--format", "parquet"), "--output: parquet needs a file"),
        (("export", "calls", "--output", "/nowhere/at/all.csv"), "--output: "),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(database: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(database, *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith(said)
