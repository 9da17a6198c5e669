"""A SQLite file of the ledger's own beside Open WebUI's, and the way there from an earlier version."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, inspect

from openwebui_usage.ledger import Store
from openwebui_usage.ledger.sqlite_file import file_engine, ledger_file, move_from
from tests.support.recorder import a_call, engine_like_open_webui


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Engine]:
    """Open WebUI's file, with a table of its own and a ledger of an earlier version."""
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE chat (id TEXT PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO chat VALUES ('kept')")
    store = Store(engine)
    store.migrate()
    store.create_group("G", ["gpt-*"], 1000, "billed")
    store.record([a_call("gpt-4o") for _ in range(3)])
    store.close()
    yield engine
    engine.dispose()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engine]:
    engine = file_engine(ledger_file(tmp_path / "webui.db"))
    yield engine
    engine.dispose()


def our_tables(engine: Engine) -> list[str]:
    return [name for name in inspect(engine).get_table_names() if name.startswith("usage_")]


def test_it_stands_beside_open_webuis_for_its_owner_alone(tmp_path: Path, own: Engine) -> None:
    file = tmp_path / "webui-usage.db"
    assert not file.exists(), "an engine connects to nothing by itself"
    Store(own).migrate()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_process_that_leaves_takes_nothing_with_it(tmp_path: Path, own: Engine) -> None:
    """As it does where this process has lost its locks: the last one to leave deletes the WAL."""
    Store(own).migrate()
    look = "from sys import argv; import sqlite3; sqlite3.connect(argv[1]).execute('SELECT * FROM usage_call').close()"
    with own.connect() as held, own.connect():  # The second one comes while the first has the file open.
        held.exec_driver_sql("SELECT * FROM usage_call").close()
        subprocess.run([sys.executable, "-c", look, str(own.url.database)], check=True)
        assert (tmp_path / "webui-usage.db-wal").exists()


def test_an_earlier_ledger_is_moved_whole(host: Engine, own: Engine) -> None:
    before, rows = Store(host).group("G"), Store(host).latest(10)
    move_from(host, own)
    store = Store(own)
    assert store.group("G") == before
    assert store.latest(10) == rows
    assert inspect(host).get_table_names() == ["chat"]
    store.record([a_call("gpt-4o")])
    assert store.group("G").sums.calls == 4
    store.close()


def test_nothing_happens_where_there_was_none(tmp_path: Path, own: Engine) -> None:
    host = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")
    move_from(host, own)
    assert not (tmp_path / "webui-usage.db").exists()
    assert our_tables(host) == []
    host.dispose()


def test_a_move_that_dies_before_its_end_is_ended_later(host: Engine, own: Engine) -> None:
    def die(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DROP TABLE"):
            raise KeyboardInterrupt

    event.listen(host, "before_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        move_from(host, own)
    event.remove(host, "before_cursor_execute", die)
    store = Store(own)
    assert store.group("G").sums.calls == 3
    # Whatever happened here since is not undone by what still lies there.
    store.reset_group("G")
    store.create_group("new", ["*"], None, "billed")
    move_from(host, own)
    assert our_tables(host) == []
    assert [(entry.group.name, entry.sums.calls) for entry in store.groups()] == [("G", 0), ("new", 0)]
    assert len(store.latest(10)) == 3


def test_a_move_that_fails_leaves_everything_where_it_was(host: Engine, own: Engine) -> None:
    def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "main.usage_total" in statement:
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(own, "before_cursor_execute", fail)
    with pytest.raises(sqlite3.OperationalError):
        move_from(host, own)
    event.remove(own, "before_cursor_execute", fail)
    assert Store(host).group("G").sums.calls == 3
    assert Store(own).groups() == []
    move_from(host, own)
    assert Store(own).group("G").sums.calls == 3


def test_what_an_earlier_version_counts_when_it_runs_once_more_is_added(host: Engine, own: Engine) -> None:
    move_from(host, own)
    before = Store(own)
    before.record([a_call("gpt-4o")])
    earlier = Store(host)
    earlier.migrate()
    earlier.create_group("G", ["*"], None, "documented")
    earlier.record([a_call("gpt-4o") for _ in range(2)])
    earlier.close()
    move_from(host, own)
    move_from(host, own)
    assert our_tables(host) == []
    assert len(before.latest(10)) == 6
    group = before.group("G")
    assert (group.group.limit, group.sums.calls, group.sums.input) == (1000, 6, 600)
    before.close()


def test_a_ledger_that_counts_already_takes_rows_only(host: Engine, own: Engine) -> None:
    store = Store(own)
    store.migrate()
    store.create_group("G", ["*"], 7, "billed")
    store.record([a_call("gpt-4o")])
    move_from(host, own)
    group = store.group("G")
    assert (group.group.limit, group.sums.calls) == (7, 4)
    assert our_tables(host) == []
    store.close()


def test_workers_that_start_at_once_move_it_once(host: Engine, tmp_path: Path) -> None:
    engines = [file_engine(ledger_file(tmp_path / "webui.db")) for _ in range(4)]
    errors: list[BaseException] = []

    def move(engine: Engine) -> None:
        try:
            move_from(host, engine)
        except BaseException as error:  # noqa: BLE001 - it is asserted below
            errors.append(error)

    threads = [threading.Thread(target=move, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Store(engines[0]).group("G").sums.calls == 3
    assert our_tables(host) == []
    for engine in engines:
        engine.dispose()


def test_a_lock_on_open_webuis_file_holds_up_no_row(host: Engine, own: Engine) -> None:
    move_from(host, own)
    store = Store(own)
    with closing(sqlite3.connect(str(host.url.database), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert store.record([a_call("gpt-4o")]).groups == {"G"}
    store.close()
