"""The database locked, read-only, full, broken or away: calls go on, and every one is counted once, sooner or later."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from openwebui_usage.ledger import CallRow, Store, Writer
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.services import Postgres

PATIENCE = 3.0
"""Seconds within which a call goes on. Open WebUI's own connections wait five for a lock."""


class Fault(Protocol):
    """Breaks the database for the time of a `with`."""

    def __call__(self, ledger: Ledger) -> Any: ...


class Ledger:
    """A ledger with one group of everything, and a writer that can be restarted."""

    def __init__(self, url: str, engine: Engine, folder: Path, postgres: Postgres | None = None) -> None:
        self.url, self.engine, self.folder, self.postgres = url, engine, folder, postgres
        self._connections: list[Any] = []
        self._pragma = ""
        event.listen(engine, "connect", self._connected)
        self.store = Store(engine)
        self.store.migrate()
        self.store.create_group("G", ["*"], None, "documented")
        self.start()

    def start(self) -> None:
        """As the next process would."""
        self.store = Store(self.engine)
        self.writer = Writer(self.store, Spool(self.folder))
        self.writer.start()

    def record(self, count: int) -> list[CallRow]:
        """As so many calls at once; each must be let go soon."""
        rows = [a_call() for _ in range(count)]
        for waiter in [self.writer.submit(row) for row in rows]:
            waiter.result(PATIENCE)
        return rows

    def has_exactly(self, rows: list[CallRow]) -> bool:
        """Whether these are the ledger's rows, each once in the rows and once in the totals."""
        try:
            with self.engine.connect() as connection:
                ids = sorted(connection.execute(select(usage_call.c.id)).scalars())
            calls = self.store.group("G").sums.calls
        except SQLAlchemyError:
            return False
        return ids == sorted(row.id for row in rows) and calls == len(rows)

    def set_pragma(self, pragma: str) -> None:
        """Set it on all of SQLite's connections, also those that come later."""
        self._pragma = pragma
        for connection in self._connections:
            with suppress(sqlite3.ProgrammingError):  # It was closed.
                connection.execute(f"PRAGMA {pragma}")

    def _connected(self, connection: Any, _: object) -> None:
        self._connections.append(connection)
        if self._pragma:
            connection.execute(f"PRAGMA {self._pragma}")

    def spooled(self) -> int:
        return sum(len(path.read_bytes().splitlines()) for path in self.folder.glob("calls-*.jsonl"))


# --- faults of SQLite


@contextmanager
def locked(ledger: Ledger) -> Iterator[None]:
    """Another process writes, and takes its time."""
    with closing(sqlite3.connect(ledger.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def read_only(ledger: Ledger) -> Iterator[None]:
    ledger.set_pragma("query_only=1")
    yield
    ledger.set_pragma("query_only=0")


@contextmanager
def full(ledger: Ledger) -> Iterator[None]:
    """Not one page more; what is left of the last ones may still be used up."""
    ledger.set_pragma("max_page_count=1")
    yield
    ledger.set_pragma("max_page_count=1073741823")


SQLITE_FAULTS = (locked, read_only, full)


# --- faults of PostgreSQL


@contextmanager
def table_locked(ledger: Ledger) -> Iterator[None]:
    with ledger.engine.connect() as connection:
        connection.execute(text("LOCK TABLE usage_total IN ACCESS EXCLUSIVE MODE"))
        yield


@contextmanager
def standby(ledger: Ledger) -> Iterator[None]:
    """Read-only, as after a failover."""
    name = ledger.url.rpartition("/")[2]
    assert ledger.postgres is not None
    ledger.postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    _hang_up(ledger)
    yield
    ledger.postgres.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    _hang_up(ledger)


@contextmanager
def stopped(ledger: Ledger) -> Iterator[None]:
    assert ledger.postgres is not None
    ledger.postgres.stop()
    yield
    ledger.postgres.start()


@contextmanager
def frozen(ledger: Ledger) -> Iterator[None]:
    """A network that swallows everything: connections neither answer nor fail."""
    assert ledger.postgres is not None
    with ledger.postgres.frozen():
        yield


def _hang_up(ledger: Ledger) -> None:
    """End every connection from the server's side."""
    assert ledger.postgres is not None
    name = ledger.url.rpartition("/")[2]
    ledger.postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


POSTGRES_FAULTS = (table_locked, standby, stopped)


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path}/data/webui.db"
    engine = engine_like_open_webui(url)
    ledger = Ledger(url, engine, tmp_path / "spool")
    yield ledger
    ledger.writer.stop()
    engine.dispose()


@pytest.fixture(scope="session")
def fragile_postgres(new_log: Callable[[str], Path]) -> Iterator[Postgres]:
    """One to be taken away, which would disturb others."""
    server = Postgres(new_log("postgres-fragile"))
    yield server
    server.remove()


@pytest.fixture
def postgres_ledger(fragile_postgres: Postgres, tmp_path: Path) -> Iterator[Ledger]:
    url = fragile_postgres.new_database()
    engine = engine_like_open_webui(url)
    ledger = Ledger(url, engine, tmp_path / "spool", fragile_postgres)
    yield ledger
    ledger.writer.stop()
    engine.dispose()


@pytest.fixture
def ledger(request: pytest.FixtureRequest, fault: Fault) -> Ledger:
    kind = "sqlite_ledger" if fault in SQLITE_FAULTS else "postgres_ledger"
    found: Ledger = request.getfixturevalue(kind)
    return found


def faults(*chosen: Fault) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", chosen, ids=lambda fault: fault.__name__)


class TestTheLedger:
    @faults(*SQLITE_FAULTS, *POSTGRES_FAULTS, frozen)
    def test_lets_calls_go_on_and_catches_up_later(self, ledger: Ledger, fault: Fault) -> None:
        rows = ledger.record(3)
        with fault(ledger):
            for _ in range(3):
                rows += ledger.record(40)
            assert ledger.spooled() > 100
            threading.Event().wait(1.2)  # Replays fail meanwhile, and lose nothing.
            rows += ledger.record(5)
        rows += ledger.record(3)
        wait_until(lambda: ledger.has_exactly(rows), timeout=20, what="every call is counted once")
        wait_until(lambda: ledger.spooled() == 0, timeout=5, what="the spool is empty")

    @faults(*SQLITE_FAULTS, *POSTGRES_FAULTS)
    def test_catches_up_in_the_next_process(self, ledger: Ledger, fault: Fault) -> None:
        rows = ledger.record(3)
        with fault(ledger):
            rows += ledger.record(40)
            ledger.writer.stop()
            ledger.start()  # The database is still away when the next process comes up,
            rows += ledger.record(5)
            ledger.writer.stop()
        ledger.start()  # and there again for the one after that.
        assert ledger.has_exactly(rows)
        assert ledger.spooled() == 0


@pytest.mark.parametrize("kind", ["sqlite_ledger", "postgres_ledger"])
class TestDroppedTables:
    @pytest.mark.parametrize("table", ["usage_call", "usage_total", "usage_revision"])
    def test_come_back_by_themselves(self, request: pytest.FixtureRequest, kind: str, table: str) -> None:
        ledger: Ledger = request.getfixturevalue(kind)
        with ledger.engine.begin() as connection:
            connection.execute(text(f"DROP TABLE {table}"))
        rows = ledger.record(20)
        wait_until(lambda: ledger.has_exactly(rows), timeout=20, what="every call is counted once")

    def test_are_no_reason_to_count_twice(self, request: pytest.FixtureRequest, kind: str) -> None:
        """Some rows of a spool file were written before; the commit's answer was lost."""
        ledger: Ledger = request.getfixturevalue(kind)
        rows = ledger.record(20)
        Spool(ledger.folder).append(rows)
        ledger.writer.stop()
        ledger.start()
        assert ledger.has_exactly(rows)


def test_the_hosts_connections_keep_their_settings(tmp_path: Path) -> None:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")

    def settings() -> tuple[Any, ...]:
        with engine.connect() as one, engine.connect() as other:
            return tuple(
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for connection in (one, other)
                for name in ("synchronous", "busy_timeout")
            )

    store = Store(engine)
    store.migrate()
    before = settings()
    store.record([a_call()])
    with closing(sqlite3.connect(f"{tmp_path}/webui.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            store.record([a_call()])
        other.execute("ROLLBACK")
    store.record([a_call()])
    assert settings() == before == (1, 5000, 1, 5000)
    store.close()
    engine.dispose()


# --- the same with a real Open WebUI around it


def ids_and_calls(url: str) -> tuple[list[str], int]:
    """The rows' ids, and how many calls the group counted."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        ids = list(connection.execute(select(usage_call.c.id).where(usage_call.c.task.is_(None))).scalars())
    return ids, Store(engine).group("G").ever.calls


def stream_through(server: OpenWebUI, count: int) -> None:
    """So many streams at once, each read to its end."""
    with ThreadPoolExecutor(count) as pool:
        for chunks in pool.map(lambda _: server.admin.stream("gpt-4o-mini"), range(count)):
            assert chunks


def test_open_webui_chats_on_while_its_database_is_locked(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider
) -> None:
    server = start_openwebui()
    server.admin.add_group("G", ["gpt-4o-mini"])
    stream_through(server, 3)
    database = server.ledger_file
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        stream_through(server, 5)
        spool = list((server.data / "usage-spool").glob("calls-*.jsonl"))
        assert sum(len(path.read_text().splitlines()) for path in spool) == 5
        server.kill9()  # The spool file is all that is left of them.
        other.execute("ROLLBACK")
    server.start()
    assert len(provider.ended_calls(8)) == 8
    ids, calls = ids_and_calls(f"sqlite:///{database}")
    assert len(ids) == calls == 8
    stream_through(server, 1)
    assert server.admin.usage_groups()["G"]["usage"]["calls"] == 9


def test_open_webui_ends_its_streams_while_postgres_is_away(
    start_openwebui: Callable[..., OpenWebUI], fragile_postgres: Postgres, provider: Provider
) -> None:
    url = fragile_postgres.new_database()
    server = start_openwebui(database_url=url)
    server.admin.add_group("G", ["slow"])
    provider.behave("slow", chunks=30, delay=0.1)
    with ExitStack() as stack:
        answers = [stack.enter_context(server.admin.streaming("slow")) for _ in range(4)]
        lines = [answer.iter_lines() for answer in answers]
        for line in lines:
            next(line)
        fragile_postgres.stop()
        try:
            ends = [list(line)[-2:] for line in lines]
            assert all("data: [DONE]" in end for end in ends)
        finally:
            fragile_postgres.start()
    wait_until(lambda: ids_and_calls(url)[1] == 4, timeout=20, what="all four are counted")
    assert len(ids_and_calls(url)[0]) == 4
    assert server.admin.usage_groups()["G"]["usage"]["in"] == sum(
        call.billed["prompt"] for call in provider.ended_calls(4) if call.billed
    )
