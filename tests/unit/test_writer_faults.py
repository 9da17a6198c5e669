"""Faults of the writer itself: whatever ends its thread, nobody waits for ever and every row is counted once."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from openwebui_usage.ledger import CallRow, Recorded, Store, Writer
from openwebui_usage.ledger import writer as writers
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.process import wait_until
from tests.support.recorder import a_call, engine_like_open_webui
from tests.support.tables import give_tables


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/webui.db")
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(writers, "_POLL_SECONDS", 0.05)


@pytest.fixture
def store(engine: Engine) -> Store:
    store = Store(engine)
    give_tables(engine)
    store.create_group("G", ["*"], None, "documented")
    return store


class Listener:
    """What the writer told."""

    def __init__(self) -> None:
        self.recorded: list[str] = []
        self.spooled: list[str] = []
        self.rejected: list[str] = []
        self.fault: BaseException | None = None

    def on_commit(self, recorded: Recorded) -> None:
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.recorded += [row.id for row in recorded.rows]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def writer(store: Store, tmp_path: Path, listener: Listener) -> Iterator[Writer]:
    writer = Writer(
        store,
        Spool(tmp_path / "spool"),
        listener.on_commit,
        on_spooled=lambda rows: listener.spooled.extend(row.id for row in rows),
        on_rejected=lambda rows: listener.rejected.extend(row.id for row in rows),
    )
    writer.start()
    yield writer
    writer.stop()


FAULTS = [MemoryError, SystemExit, KeyboardInterrupt, GeneratorExit, RuntimeError, asyncio.CancelledError]


def once(do: Callable[..., Any], fault: type[BaseException]) -> Callable[..., Any]:
    """Fails the first time, before anything is done."""
    done: list[bool] = []

    def fails(*given: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            raise fault
        return do(*given, **named)

    return fails


def assert_each_is_counted_once(writer: Writer, store: Store, engine: Engine, rows: list[CallRow]) -> None:
    def ids() -> list[str]:
        with engine.connect() as connection:
            return sorted(connection.execute(select(usage_call.c.id)).scalars())

    wait_until(lambda: ids() == sorted(row.id for row in rows), timeout=15, what="every row is there")
    wait_until(lambda: writer.health()["spool_rows"] == 0, timeout=15, what="the spool is empty")
    assert len(ids()) == store.group("G").sums.calls == len(rows)


def write(writer: Writer, count: int = 20) -> list[CallRow]:
    rows = [a_call() for _ in range(count)]

    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(*(writer.write(row) for row in rows[1:])), 6)

    waiter = writer.submit(rows[0])
    asyncio.run(main())
    waiter.result(6)
    return rows


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", ["record", "check", "gather", "release", "tell", "keep"])
def test_a_fault_anywhere_leaves_nobody_waiting(
    writer: Writer,
    store: Store,
    engine: Engine,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fault: type[BaseException],
) -> None:
    rows = write(writer)
    if place == "record":
        monkeypatch.setattr(store, "record", once(store.record, fault))
    elif place == "check":
        monkeypatch.setattr(store, "record", once(store.record, MemoryError))
        monkeypatch.setattr(store, "check", once(store.check, fault))
    elif place == "gather":
        monkeypatch.setattr(writer, "_fill", once(writer._fill, fault))
    elif place == "release":
        monkeypatch.setattr(writers, "_release", once(writers._release, fault))
    elif place == "keep":
        monkeypatch.setattr(store, "record", once(store.record, OSError))
        monkeypatch.setattr(writer, "_keep", once(writer._keep, fault))
    else:
        listener.fault = fault()
    rows += write(writer)
    assert_each_is_counted_once(writer, store, engine, rows)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_killed_is_replaced(writer: Writer, store: Store, engine: Engine) -> None:
    rows = write(writer)
    for _ in range(2):
        for thread in (writer._thread, writer._replayer):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
        rows += write(writer)
    assert_each_is_counted_once(writer, store, engine, rows)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_outright_is_replaced(
    writer: Writer, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the handler of its faults could run."""
    rows = write(writer)
    monkeypatch.setattr(store, "record", once(store.record, SystemExit))
    monkeypatch.setattr(writer, "_rescue", once(writer._rescue, MemoryError))
    dying = writer._thread
    rows += write(writer)
    rows += write(writer)
    assert not dying.is_alive()
    assert_each_is_counted_once(writer, store, engine, rows)


def test_what_becomes_of_a_row_is_told(
    writer: Writer, store: Store, listener: Listener, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    good = write(writer, 2)
    bad = a_call(user_groups=["unhashable"])
    writer.submit(bad).result(6)
    assert listener.rejected == [bad.id]
    monkeypatch.setattr(store, "record", once(store.record, OSError))
    waits = write(writer, 1)
    wait_until(lambda: waits[0].id in listener.recorded, timeout=10, what="it is replayed")
    assert listener.spooled == [waits[0].id]
    assert sorted(listener.recorded) == sorted(row.id for row in good + waits)
    assert writer.health()["rejected_rows"] == 1


def test_an_unreadable_spool_file_keeps_no_other_waiting(
    writer: Writer, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer.stop()
    spool = Spool(tmp_path / "spool")
    spool.append([a_call()])
    spool.close()
    (tmp_path / "spool" / "calls-0.jsonl").mkdir()
    later = Writer(store, Spool(tmp_path / "spool"))
    later.start()
    later.submit(a_call()).result(5)
    assert store.group("G").sums.calls == 2
    assert "cannot be read" in caplog.text
    later.stop()


def test_rows_that_come_while_it_opens_are_not_held_up(
    store: Store, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opens = threading.Event()
    migrate = store.migrate
    monkeypatch.setattr(store, "migrate", lambda: opens.wait(20) and migrate())  # type: ignore[func-returns-value]
    monkeypatch.setattr(writers, "START_SECONDS", 1.0)
    writer = Writer(store, Spool(tmp_path / "spool"))
    writer.start()
    assert "The ledger cannot be written" in caplog.text
    rows = write(writer)
    assert writer.health()["state"] == "spooling"
    assert writer.health()["spool_rows"] == 20
    opens.set()
    assert_each_is_counted_once(writer, store, engine, rows)
    assert writer.health()["state"] == "ok"
    assert "The ledger can be written again" in caplog.text
    writer.stop()
