"""A ledger that cannot be opened when a worker starts: said at once and in plain words, and nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.ledger.sqlite_file import file_engine
from tests.support.process import wait_until
from tests.support.recorder import a_call
from tests.support.services import Postgres

Cure = Callable[[], Any]
Case = Callable[[Path, Postgres], tuple[Engine, Cure]]


# --- what may be wrong; each gives an engine, and how an admin mends it


def newer_file(folder: Path, _: Postgres) -> tuple[Engine, Cure]:
    return _newer(file_engine(folder / "ledger.db"))


def newer_postgres(_: Path, postgres: Postgres) -> tuple[Engine, Cure]:
    return _newer(create_engine(postgres.new_database()))


def _newer(engine: Engine) -> tuple[Engine, Cure]:
    """Last used by a version to come; which comes back."""
    Store(engine).migrate()

    def set_to(revision: str) -> str:
        with engine.begin() as connection:
            before: str = connection.execute(text("SELECT version_num FROM usage_alembic_version")).scalar_one()
            connection.execute(text(f"UPDATE usage_alembic_version SET version_num = '{revision}'"))
        return before

    known = set_to("9x99")
    return engine, lambda: set_to(known)


def file_in_no_folder(folder: Path, _: Postgres) -> tuple[Engine, Cure]:
    """SQLite makes files, not folders."""
    path = folder / "gone" / "ledger.db"
    return create_engine(f"sqlite:///{path}"), lambda: path.parent.mkdir()


def file_that_is_none(folder: Path, _: Postgres) -> tuple[Engine, Cure]:
    path = folder / "ledger.db"
    path.write_bytes(b"not a database at all, " * 100)
    return file_engine(path), path.unlink


def file_that_is_read_only(folder: Path, _: Postgres) -> tuple[Engine, Cure]:
    engine = file_engine(folder / "ledger.db")
    state = {"query_only": 1}
    event.listen(engine, "connect", lambda db, _: db.execute(f"PRAGMA query_only={state['query_only']}"))

    def cure() -> None:
        state["query_only"] = 0
        engine.dispose()

    return engine, cure


def no_right(_: Path, postgres: Postgres) -> tuple[Engine, Cure]:
    url = postgres.new_database()
    database = url.rpartition("/")[2]
    with suppress(Exception):  # An earlier test made it.
        postgres.execute("CREATE ROLE weak LOGIN")
    postgres.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database)
    engine = create_engine(url.replace("tester@", "weak@"))
    return engine, lambda: postgres.execute("GRANT CREATE ON SCHEMA public TO weak", database)


def no_such_user(_: Path, postgres: Postgres) -> tuple[Engine, Cure]:
    url = postgres.new_database()
    name = f"user_{time.time_ns()}"

    def cure() -> None:
        postgres.execute(f"CREATE ROLE {name} LOGIN SUPERUSER")

    return create_engine(url.replace("tester@", f"{name}@")), cure


def no_such_database(_: Path, postgres: Postgres) -> tuple[Engine, Cure]:
    name = f"late_{time.time_ns()}"
    return create_engine(postgres.url(name)), lambda: postgres.execute(f"CREATE DATABASE {name}")


CASES: list[tuple[Case, str]] = [
    (newer_file, "newer openwebui-usage (revision 9x99)"),
    (newer_postgres, "newer openwebui-usage (revision 9x99)"),
    (file_in_no_folder, "let the user that runs Open WebUI write it and its folder"),
    (file_that_is_none, "put a backup in its place"),
    (file_that_is_read_only, "the ledger's file is read-only"),
    (no_right, "grant CREATE and USAGE on the schema"),
    (no_such_user, "correct user and password in DATABASE_URL"),
    (no_such_database, "create it, or correct DATABASE_URL"),
]


@pytest.fixture
def writers() -> Iterator[list[Writer]]:
    started: list[Writer] = []
    yield started
    for writer in started:
        writer.stop()


@pytest.mark.parametrize(("case", "words"), CASES, ids=[case.__name__ for case, _ in CASES])
def test_is_told_within_a_second_and_nothing_is_lost(
    tmp_path: Path, postgres: Postgres, caplog: pytest.LogCaptureFixture, writers: list[Writer], case: Case, words: str
) -> None:
    (tmp_path / "data").mkdir()
    engine, cure = case(tmp_path / "data", postgres)
    spool = tmp_path / "spool"
    store = Store(engine)
    writer = Writer(store, Spool(spool))
    writers.append(writer)

    started = time.monotonic()
    writer.start()
    assert time.monotonic() - started < 5
    [said] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert words in said.getMessage()
    assert str(spool) in said.getMessage()
    assert "\n" not in said.getMessage()

    rows = [a_call() for _ in range(20)]
    for waiter in [writer.submit(row) for row in rows]:
        waiter.result(2)
    health = writer.health()
    assert (health["state"], health["spool_rows"], health["rejected_rows"]) == ("spooling", 20, 0)
    assert words in str(health["reason"])

    cure()

    def is_counted() -> bool:
        try:
            return {row.id for row in store.latest(100)} == {row.id for row in rows}
        except SQLAlchemyError:
            return False

    wait_until(is_counted, timeout=15, what="every call is in the ledger")
    wait_until(lambda: writer.health()["spool_rows"] == 0, timeout=5, what="the spool is empty")
    health = writer.health()
    assert (health["state"], health["reason"], health["rejected_rows"]) == ("ok", None, 0)
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "can be written again" in lines[-1]
    assert len(lines) <= 3, "the same is not said again and again"


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.iterdump())


def test_of_an_older_version_is_not_touched(tmp_path: Path, writers: list[Writer]) -> None:
    """Whatever it meets, it changes nothing in the newer ledger, and what it kept is counted by the next version."""
    engine, cure = newer_file(tmp_path, None)  # type: ignore[arg-type]
    before = dump(tmp_path / "ledger.db")
    older = Writer(Store(engine), Spool(tmp_path / "spool"))
    writers.append(older)
    older.start()
    rows = [a_call() for _ in range(5)]
    for waiter in [older.submit(row) for row in rows]:
        waiter.result(2)
    older.stop()
    engine.dispose()
    assert dump(tmp_path / "ledger.db") == before
    cure()
    newer = Writer(Store(engine), Spool(tmp_path / "spool"))
    writers.append(newer)
    newer.start()
    assert {row.id for row in Store(engine).latest(10)} == {row.id for row in rows}


def test_what_an_earlier_version_kept_elsewhere_comes_first(tmp_path: Path, writers: list[Writer]) -> None:
    """Before it is here, nothing is written: a ledger in use would take over its rows only."""
    prepared: list[bool] = []

    def prepare() -> None:
        if not prepared:
            prepared.append(False)
            raise PermissionError(13, "Permission denied", "webui.db")

    store = Store(file_engine(tmp_path / "ledger.db"), prepare=prepare)
    writer = Writer(store, Spool(tmp_path / "spool"))
    writers.append(writer)
    writer.start()
    writer.submit(a_call()).result(2)
    wait_until(lambda: writer.health()["state"] == "ok", timeout=10, what="it was tried again")
    wait_until(lambda: len(store.latest(10)) == 1, timeout=10, what="the call is counted")
