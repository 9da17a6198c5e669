"""`openwebui-usage report`: the same report on the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from openwebui_usage.cli import app
from openwebui_usage.client.storage import Place
from openwebui_usage.ledger import Store
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.tables import give_tables

NOVEMBER = ("--from", "2026-11-01", "--to", "2026-12-01")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with two users' calls of 2026-11-01."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "usage.db"
    engine = Place(f"sqlite:///{file}").engine()
    store = Store(engine)
    give_tables(engine)
    usage = TokenUsage(input=1_000_000, completion=10, output=10)
    rows = [("u1", "Ada", "gpt-4o"), ("u1", "Ada", "o3"), ("u2", "=Bo", "gpt-4o")]
    store.record(
        [
            call_row(model, user_id=id_, user_name=name, started_at=1_793_534_400.0, usage=usage)
            for id_, name, model in rows
        ]
    )
    engine.dispose()
    return file


def run(database: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *NOVEMBER, "--database", str(database), *arguments])


def test_a_table_for_people(database: Path) -> None:
    done = run(database, "--by", "user,model", "--tz", "Europe/Berlin", "--compare", "previous")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "From 2026-11-01T00:00:00+01:00 to 2026-12-01T00:00:00+01:00, Europe/Berlin"
    assert lines[1].split()[:4] == ["user", "model", "calls", "in"]
    [ada] = [line.split() for line in lines if line.startswith("Ada") and "gpt-4o" in line]
    assert ada[2:7] == ["1", "1,000,000", "10", "1,000,010", "1,000,010"]
    assert [line.split()[1:3] for line in lines if line.startswith("Total")] == [["3", "3,000,000"]]
    assert [line.split()[1:3] for line in lines if line.startswith("Previous")] == [["0", "0"]]


def test_data_for_programs(database: Path) -> None:
    report = json.loads(run(database, "--by", "user", "--user", "Ada", "--bucket", "day", "--format", "json").stdout)
    assert [(row["user"]["id"], row["calls"]) for row in report["rows"]] == [("u1", 2)]
    table = list(csv.DictReader(io.StringIO(run(database, "--by", "user", "--format", "csv").stdout.lstrip("\ufeff"))))
    assert {(row["user"], row["calls"]) for row in table} == {("Ada", "2"), ("'=Bo", "1")}
    assert len(run(database, "--by", "model", "--format", "jsonl").stdout.splitlines()) == 2


def test_how_long_calls_took(database: Path) -> None:
    report = json.loads(run(database, "--by", "model", "--latency", "--format", "json").stdout)
    told = {row["model"]: row["latency"]["duration"]["p50"] for row in report["rows"]}
    assert set(told) == {"gpt-4o", "o3"}
    assert all(seconds is not None for seconds in told.values())
    table = run(database, "--by", "model", "--latency").stdout.splitlines()
    assert table[1].split()[-6:] == [
        f"{measure}_{share}" for measure in ("duration", "time_to_first_token") for share in ("p50", "p95", "p99")
    ]
    [total] = [line for line in table if line.startswith("Total")]
    assert re.search(r" \d[\d.e+-]* s\b", total)
    rows = list(csv.DictReader(io.StringIO(run(database, "--by", "model", "--latency", "--format", "csv").stdout)))
    assert all(float(row["duration_p95"]) > 0 for row in rows)


def test_a_file_is_written(database: Path, tmp_path: Path) -> None:
    for kind in ("json", "csv"):
        done = run(database, "--format", kind, "--output", f"report.{kind}")
        assert (done.exit_code, done.output) == (0, "")
        assert (tmp_path / f"report.{kind}").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--by", "colour"), "--by: must be up to 2 of user,"),
        (("--tz", "Nowhere"), "--tz: must be an IANA time zone"),
        (("--from", "soon"), "--from: must be a date"),
        (("--bucket", "15m", "--to", "2028-01-01"), "--bucket: must cut the time into at most 20000 parts"),
        (("--by", "user", "--latency"), "--latency: is known by model and connection alone (got user)"),
        (("--kind", "telepathy"), "--kind: must be one of chat, task"),
        (("--outcome", "fine"), "--outcome: must be one of done"),
        (("--format", "xlsx"), "--output: xlsx needs a file"),
        (("--format", "csv", "--output", "no/such/folder"), "--output: "),
    ],
)
def test_what_is_wrong_is_named(database: Path, arguments: tuple[str, ...], problem: str) -> None:
    done = run(database, *arguments)
    assert done.exit_code == 1
    assert done.output.startswith(problem)
