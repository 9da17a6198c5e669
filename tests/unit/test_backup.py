"""A ledger is copied while calls are written, and put back: calls, totals, what waited, and tokens that are known."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from openwebui_usage.cli import app
from openwebui_usage.client.storage import Place, open_database
from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.backup import LedgerFiles, back_up
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.settings import ClientSettings
from tests.support.process import wait_until
from tests.support.recorder import call_row

USAGE = TokenUsage(input=10, completion=5, output=5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of a stand-alone token client."""
    for name in ("DATABASE_URL", "WEBUI_SECRET_KEY", "OPENWEBUI_USAGE_CLIENT_SECRET", "OPENWEBUI_USAGE_CLIENT"):
        monkeypatch.delenv(name, raising=False)
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.chdir(data)
    return data


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=answer)


def calls(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        [count] = connection.execute("SELECT count(*) FROM usage_call").fetchone()
    connection.close()
    return int(count)


def place(folder: Path) -> Place:
    return Place(f"sqlite:///{folder}/usage-client.db")


def test_everything_is_there_again_after_a_restore(folder: Path, tmp_path: Path) -> None:
    session = open_database(place(folder), ClientSettings())
    token = session.accounts.create("ada")[1]
    session.store.create_group("GPT", ["gpt-*"], 100, "billed")
    session.store.record([call_row(usage=USAGE) for _ in range(3)])
    session.store.close()
    session.engine.dispose()
    waiting = Spool(folder / "usage-spool")
    waiting.append([call_row(usage=USAGE)])
    waiting.close()

    done = run("ledger", "backup", str(tmp_path / "copy"))
    assert done.exit_code == 0, done.output
    assert {Path(line).name.partition("-")[0] for line in done.stdout.splitlines()} == {"usage", "calls"}
    for path in (tmp_path / "copy").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

    for path in folder.iterdir():  # The disk is lost.
        path.rename(tmp_path / f"lost-{path.name}")
    assert run("ledger", "restore", str(tmp_path / "copy"), "--yes").exit_code == 0
    session = open_database(place(folder), ClientSettings())
    assert session.accounts.find(token).name == "ada"
    writer = Writer(session.store, Spool(folder / "usage-spool"), lambda _: None)
    writer.start()
    writer.submit(call_row(usage=USAGE)).result(10)
    writer.stop()
    [group] = session.store.definitions().groups
    session.engine.dispose()
    assert calls(folder / "usage-client.db") == 5
    assert group.name == "GPT"


def test_a_copy_is_whole_while_calls_are_written(folder: Path, tmp_path: Path) -> None:
    engine = place(folder).engine()
    store = Store(engine)
    store.migrate()
    writer = Writer(store, Spool(folder / "usage-spool"), lambda _: None)
    writer.start()
    stopped = threading.Event()

    def write() -> None:
        while not stopped.is_set():
            writer.submit(call_row(usage=USAGE)).result(10)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    files = LedgerFiles(folder / "usage-client.db", folder / "usage-spool")
    wait_until(lambda: calls(files.database) > 10, timeout=30, what="calls are written")
    counts = []
    for number in range(3):
        before = calls(files.database)
        [copy] = back_up(files, tmp_path / str(number))
        counts.append((before, calls(copy)))
    stopped.set()
    for thread in threads:
        thread.join()
    writer.stop()
    engine.dispose()
    assert all(before <= copied for before, copied in counts)
    with sqlite3.connect(tmp_path / "2" / "usage-client.db") as connection:
        [in_cube] = connection.execute("SELECT sum(calls) FROM usage_cube WHERE cube = 0").fetchone()
    connection.close()
    assert in_cube == counts[-1][1], "sums and rows of a copy are of one moment"


def test_what_was_there_stays_beside_it(folder: Path, tmp_path: Path) -> None:
    engine = place(folder).engine()
    store = Store(engine)
    store.migrate()
    store.record([call_row(usage=USAGE)])
    assert run("ledger", "backup", str(tmp_path / "copy")).exit_code == 0
    store.record([call_row(usage=USAGE)])
    store.close()
    engine.dispose()
    assert run("ledger", "restore", str(tmp_path / "copy"), answer="n\n").exit_code == 1
    assert calls(folder / "usage-client.db") == 2
    assert run("ledger", "restore", str(tmp_path / "copy"), answer="y\n").exit_code == 0
    assert calls(folder / "usage-client.db") == 1
    [before] = [path for path in folder.glob("usage-client.db.before-*") if calls(path) == 2]
    assert before.exists()


def test_a_ledger_that_a_server_has_open_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    engine = place(folder).engine()
    Store(engine).migrate()
    assert run("ledger", "backup", str(tmp_path / "copy")).exit_code == 0
    with engine.connect():  # Idle, as between calls.
        done = run("ledger", "restore", str(tmp_path / "copy"), "--yes")
    assert done.exit_code == 1
    assert "in use: stop the server first" in done.stderr
    assert not list(folder.glob("*.before-*"))
    engine.dispose()
    assert run("ledger", "restore", str(tmp_path / "copy"), "--yes").exit_code == 0


def test_a_damaged_ledger_may_be_replaced(folder: Path, tmp_path: Path) -> None:
    engine = place(folder).engine()
    Store(engine).migrate()
    engine.dispose()
    assert run("ledger", "backup", str(tmp_path / "copy")).exit_code == 0
    (folder / "usage-client.db").write_bytes(b"no database at all" * 100)
    assert run("ledger", "restore", str(tmp_path / "copy"), "--yes").exit_code == 0
    assert calls(folder / "usage-client.db") == 0


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
def test_what_is_no_ledger_is_not_put_there(folder: Path, tmp_path: Path, damage: bytes) -> None:
    engine = place(folder).engine()
    Store(engine).migrate()
    engine.dispose()
    before = (folder / "usage-client.db").read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "usage-client.db").write_bytes(damage)
    done = run("ledger", "restore", str(copy), "--yes")
    assert done.exit_code == 1
    assert "is no ledger" in done.stderr
    assert (folder / "usage-client.db").read_bytes() == before


def test_a_folder_that_is_there_is_left_alone(folder: Path, tmp_path: Path) -> None:
    engine = place(folder).engine()
    Store(engine).migrate()
    engine.dispose()
    (tmp_path / "copy").mkdir()
    done = run("ledger", "backup", str(tmp_path / "copy"))
    assert (done.exit_code, list((tmp_path / "copy").iterdir())) == (1, [])
    assert "is there already" in done.stderr


def test_no_ledger_is_no_backup(folder: Path, tmp_path: Path) -> None:
    assert run("ledger", "backup", str(tmp_path / "copy")).exit_code == 1
    assert not (tmp_path / "copy").exists()


def test_a_database_of_everybody_has_tools_of_its_own(folder: Path, tmp_path: Path) -> None:
    done = run("ledger", "backup", str(tmp_path / "copy"), "--database", "postgresql://a:b@localhost/c")
    assert done.exit_code == 1
    assert "pg_dump" in done.stderr
