"""`openwebui-usage uninstall`: what is ours goes, what is not stays, and nothing goes unasked."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect
from typer.testing import CliRunner, Result

from openwebui_usage import launch
from openwebui_usage.cli import app
from openwebui_usage.client.storage import Place
from openwebui_usage.commands import removal
from openwebui_usage.ledger import Store

OURS = '"""\ntitle: Usage status\nauthor: openwebui-usage\n"""\n'
THEIRS = '"""\ntitle: Mine\nauthor: Ada\ndescription: like openwebui-usage\n"""\n'


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of an Open WebUI with the plugin, two of our functions and one of somebody else."""
    with sqlite3.connect(tmp_path / "webui.db") as host:
        host.execute("CREATE TABLE function (id TEXT PRIMARY KEY, content TEXT, is_active BOOLEAN)")
        host.execute("CREATE TABLE user (id TEXT PRIMARY KEY)")
        host.executemany(
            "INSERT INTO function VALUES (?, ?, 1)",
            [("usage_status", OURS), ("usage_bootstrap", OURS), ("mine", THEIRS)],
        )
    host.close()
    url = f"sqlite:///{tmp_path}/webui.db"
    engine = Place(url, of_open_webui=True).engine()
    Store(engine).migrate()
    engine.dispose()
    (tmp_path / "usage-spool").mkdir()
    facts = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}
    monkeypatch.setattr(launch, "probe", lambda: launch.Host({}, facts))
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked for."""
    asked: list[list[str]] = []
    monkeypatch.setattr(removal.subprocess, "run", lambda command, **_: asked.append(command[2:]))
    monkeypatch.setattr(removal, "packages_to_remove", lambda: ["genai-prices", "openwebui-usage"])
    return asked


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["uninstall", *arguments], input=answer)


def functions(data: Path) -> list[str]:
    with sqlite3.connect(data / "webui.db") as host:
        return [id_ for (id_,) in host.execute("SELECT id FROM function ORDER BY id")]


def content(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_functions_and_packages_go_and_the_ledger_stays(data: Path, pip: list[list[str]]) -> None:
    done = run("--yes")
    assert done.exit_code == 0, done.output
    assert functions(data) == ["mine"]
    assert pip == [["pip", "--no-input", "uninstall", "--quiet", "--yes", "genai-prices", "openwebui-usage"]]
    assert (data / "webui-usage.db").exists()
    assert "usage_bootstrap, usage_status" in done.stdout
    assert "The ledger stays" in done.stdout


def test_their_earlier_versions_go_with_them(data: Path, pip: list[list[str]]) -> None:
    """Open WebUI keeps these from 0.12 on."""
    with sqlite3.connect(data / "webui.db") as host:
        host.execute("CREATE TABLE function_history (id TEXT PRIMARY KEY, function_id TEXT)")
        host.executemany("INSERT INTO function_history VALUES (?, ?)", [("1", "usage_status"), ("2", "mine")])
    assert run("--yes").exit_code == 0
    assert functions(data) == ["mine"]
    with sqlite3.connect(data / "webui.db") as host:
        assert host.execute("SELECT function_id FROM function_history").fetchall() == [("mine",)]


def test_purge_takes_the_ledger_as_well(data: Path, pip: list[list[str]]) -> None:
    done = run("--purge", "--yes")
    assert done.exit_code == 0, done.output
    assert [path.name for path in data.iterdir()] == ["webui.db"]
    with sqlite3.connect(data / "webui.db") as host:
        tables = {name for (name,) in host.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"function", "user"}


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_nothing_goes_unasked(data: Path, pip: list[list[str]], answer: str) -> None:
    before = content(data)
    done = run("--purge", answer=answer)
    assert done.exit_code == 1
    assert str(data / "webui-usage.db") in done.stdout
    assert (content(data), pip) == (before, [])


def test_a_dry_run_only_shows_what_would_go(data: Path, pip: list[list[str]]) -> None:
    before = content(data)
    done = run("--purge", "--dry-run")
    assert done.exit_code == 0
    assert all(words in done.stdout for words in ("Functions in", "Packages of", "Files and folders", "usage-spool"))
    assert (content(data), pip) == (before, [])


def test_calls_that_wait_are_told_of(data: Path, pip: list[list[str]]) -> None:
    (data / "usage-spool" / "calls-1.jsonl").write_text("{}\n")
    assert "Calls wait in" in run("--purge", "--dry-run").stdout


@pytest.mark.parametrize("chosen", ["", "kept", "linked"])
def test_a_folder_that_others_use_stays_with_what_is_theirs(
    data: Path, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    """`OPENWEBUI_USAGE_SPOOL_DIR` may name any folder, the one of all data as well, or a link to one."""
    (data / "kept").mkdir()
    (data / "linked").symlink_to(data / "kept")
    for name in ("calls-1.jsonl", "rejected.jsonl", "upload.jsonl"):
        (data / chosen / name).write_text("{}\n")
    (data / "usage-spool").rmdir()
    monkeypatch.setenv("OPENWEBUI_USAGE_SPOOL_DIR", str(data / chosen))
    done = run("--purge", "--yes")
    assert done.exit_code == 0, done.output
    assert set(content(data)) - {"kept/upload.jsonl", "upload.jsonl", "linked/upload.jsonl"} == {"webui.db"}
    assert (data / chosen / "upload.jsonl").exists()


def test_a_link_to_a_folder_of_calls_that_wait_goes_without_its_target(data: Path, pip: list[list[str]]) -> None:
    (data / "usage-spool").rename(data / "elsewhere")
    (data / "usage-spool").symlink_to(data / "elsewhere")
    (data / "usage-spool" / "calls-1.jsonl").write_text("{}\n")
    done = run("--purge", "--yes")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in data.iterdir()) == ["elsewhere", "webui.db"]
    assert list((data / "elsewhere").iterdir()) == []


def test_a_folder_that_is_mounted_stays(data: Path, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Kubernetes, where nobody can remove it from within."""
    (data / "usage-spool" / "calls-1.jsonl").write_text("{}\n")
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "usage-spool")
    assert run("--purge", "--yes").exit_code == 0
    assert sorted(path.name for path in data.iterdir()) == ["usage-spool", "webui.db"]
    assert list((data / "usage-spool").iterdir()) == []


def test_tables_that_only_have_names_like_ours_stay(tmp_path: Path) -> None:
    """Somebody else's, in a schema where the plugin never made any."""
    engine = create_engine(f"sqlite:///{tmp_path}/shared.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE usage_group (id TEXT)")
    found = removal.plan_removal(Place(f"sqlite:///{tmp_path}/shared.db"), tmp_path / "none", purge=True)
    assert list(found.tables) == []
    engine.dispose()


def test_tables_in_a_database_of_everybody_go_alone(data: Path, tmp_path: Path) -> None:
    """As in PostgreSQL, where the ledger's tables lie among Open WebUI's."""
    url = f"sqlite:///{tmp_path}/shared.db"
    engine = create_engine(url)
    Store(engine).migrate()
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE chat (id TEXT)")
        connection.exec_driver_sql("CREATE TABLE usage_of_somebody_else (id TEXT)")
    removal.plan_removal(Place(url), tmp_path / "none", purge=True).run_database()
    assert set(inspect(engine).get_table_names()) == {"chat", "usage_of_somebody_else"}
    engine.dispose()


def test_packages_that_somebody_else_needs_or_asked_for_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str, requires: list[str], requested: bool = False) -> Any:
        text = "" if requested else None
        return SimpleNamespace(metadata={"Name": name}, requires=requires, read_text=lambda _: text)

    there = [
        distribution(
            "openwebui_usage", ["genai-prices>=0.2.3", "prometheus-client>=0.20", "httpx>=0.27", "rich"], True
        ),
        distribution("genai-prices", ["eval-type-backport; python_version < '3.11'", "only-of-prices"]),
        distribution("only.of.prices", []),
        distribution("prometheus-client", []),
        distribution("exporter", ["prometheus_client"]),
        distribution("httpx", []),
        distribution("open-webui", ["httpx==0.28.1"]),
        distribution("rich", [], True),
    ]
    monkeypatch.setattr(removal, "distributions", lambda: there)
    assert removal.packages_to_remove() == ["genai-prices", "only-of-prices", "openwebui-usage"]
    there.pop(6)
    assert removal.packages_to_remove() == ["openwebui-usage"], "as in the official image: who knows what it needs"


def test_an_open_webui_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "probe", lambda: launch.Host({}, {}))
    done = run("--yes")
    assert done.exit_code == 1
    assert "does not say where its database is" in done.stderr


def test_pip_that_fails_is_told(data: Path, pip: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: Any) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(removal.subprocess, "run", fail)
    done = run("--yes")
    assert done.exit_code == 1
    assert "pip uninstall genai-prices openwebui-usage" in done.stderr
    assert json.dumps(functions(data)) == '["mine"]'
