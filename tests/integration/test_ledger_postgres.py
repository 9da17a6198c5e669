"""The ledger's contract on PostgreSQL, and what only PostgreSQL has."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from openwebui_usage.ledger import Store, database, months
from openwebui_usage.ledger.conversion import CONVERTED
from openwebui_usage.ledger.faults import is_rows_fault
from openwebui_usage.ledger.partitioning import BEFORE, Partitioning
from openwebui_usage.ledger.progress import write_progress
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.rows import id_at
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.rules.durations import Duration
from tests.support.recorder import a_call, start_recorder
from tests.support.services import Postgres
from tests.unit.test_call_log import TestCallLog, few_at_once, whole_ledger  # noqa: F401
from tests.unit.test_cubes import TestCubes, priced  # noqa: F401
from tests.unit.test_figures import TestFigures, TestViews  # noqa: F401
from tests.unit.test_focus import TestFocus, charged  # noqa: F401
from tests.unit.test_ledger import (  # noqa: F401 - collected here, with the database below
    NewEngine,
    TestArbitraryRows,
    TestBudgets,
    TestCounting,
    TestGroups,
    TestMigrations,
    TestMoney,
    TestOutbox,
    TestRecording,
    TestSumsThatAreFull,
    engine,
    in_threads,
    new_engine,
    other,
    store,
)
from tests.unit.test_recounts import (  # noqa: F401
    TestABudgetOfAUsageGroup,
    TestAReset,
    TestChangesOfABudget,
    TestCountingBesideWriters,
    TestTheUpgrade,
)
from tests.unit.test_reports import TestExamples, TestRandomLedgers  # noqa: F401
from tests.unit.test_scheduled_reports import TestSentOnce  # noqa: F401
from tests.unit.test_webhook_notices import receiver, short_waits  # noqa: F401
from tests.unit.test_windows import TestLedger as TestRollingWindows  # noqa: F401


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


class TestASchemaOfItsOwn:
    """Open WebUI's DATABASE_SCHEMA."""

    def test_holds_all_tables(self, engine: Engine) -> None:  # noqa: F811
        with engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA elsewhere"))
        for _ in range(2):
            Store(engine, "elsewhere").migrate()
        ledger, same = Store(engine, "elsewhere"), Store(engine, "elsewhere")
        ledger.create_group("G", ["gpt-4o"], 10**9, "documented", period="month")
        ledger.notices = lambda change, now: [{"calls": change.after.calls}]
        row = a_call()
        assert ledger.record([row]).groups == {"G"}
        assert same.outbox.claim(time.time()) is not None
        same.record([row], maybe_written=True)
        assert same.group("G").sums.calls == 1
        same.update_group("G", {"period": "week"})
        assert ledger.group("G").sums.calls == 1
        ledger.reset_group("G")
        ledger.delete_group("G")
        ledger.check()
        tables = inspect(engine).get_table_names("elsewhere")
        assert {"usage_alembic_version", "usage_call", "usage_group", "usage_total"} <= set(tables)
        assert inspect(engine).get_table_names("public") == []


def test_a_locked_table_is_not_waited_for_longer_than_a_stream_may(
    store: Store,  # noqa: F811
    new_engine: NewEngine,  # noqa: F811
) -> None:
    with new_engine().connect() as connection:
        connection.execute(text("LOCK TABLE usage_call IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            store.record([a_call()])
    store.record([a_call()])


def test_the_hosts_connections_get_their_settings_back(url: str) -> None:
    engine = create_engine(url, pool_size=1, max_overflow=0)  # noqa: F811
    store = Store(engine)  # noqa: F811
    store.migrate()
    store.record([a_call()])
    with engine.connect() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "0"
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(text(locks)).scalar() == 0
    engine.dispose()


class TestMonths:
    """`usage_call` in a part for each month."""

    def test_a_new_ledger_has_them_at_once(self, store: Store, engine: Engine) -> None:  # noqa: F811
        of_now, of_the_future = a_call(), replace(a_call(), id=id_at(time.time() + 400 * DAY) + "0" * 16)
        store.record([of_now, of_the_future])
        assert places(engine) == {of_now.id: f"usage_call_{datetime.now(UTC):%Y_%m}", of_the_future.id: months.REST}
        store.record([of_now, a_call()], maybe_written=True)
        assert len(places(engine)) == 3
        with engine.connect() as connection:
            names = [partition.name for partition in months.partitions(connection, None)]
        expected = [f"usage_call_{months.month_of(datetime.now(UTC), later):%Y_%m}" for later in range(-1, 4)]
        assert names == expected

    @pytest.mark.parametrize("schema", [None, "elsewhere"])
    def test_an_old_ledger_gets_them_while_calls_are_written(
        self,
        engine: Engine,  # noqa: F811
        new_engine: NewEngine,  # noqa: F811
        schema: str | None,
    ) -> None:
        store, old = old_ledger(engine, schema)  # noqa: F811
        with engine.begin() as connection:
            connection.execute(text("CREATE ROLE reader") if not reader_exists(connection) else text("SELECT 1"))
            connection.execute(text(f"GRANT SELECT ON {months.qualified('usage_call', schema)} TO reader"))
        written: list[str] = []
        is_over = threading.Event()

        def write(number: int) -> None:
            if number == 4:
                convert(new_engine(), schema)
                is_over.set()
                return
            worker = Store(new_engine(), schema)
            while not is_over.is_set():
                row = a_call(user_id=f"user-{number}")
                worker.record([row])
                written.append(row.id)

        in_threads(5, write)
        found = places(engine, schema)
        assert found.keys() == {*old, *written}
        assert set(found.values()) == {BEFORE}
        assert store.group("G").sums.calls == len(found)
        assert list(store.check_sums().differences()) == []
        with engine.connect() as connection:
            query = "SELECT has_table_privilege('reader', :name, 'SELECT')"
            name = months.qualified("usage_call", schema)
            assert connection.execute(text(query), {"name": name}).scalar()
            last = months.partitions(connection, schema)[-1]
        later = replace(a_call(), id=last.low + "0" * 16)
        store.record([later])
        assert places(engine, schema)[later.id] == last.name

    def test_the_table_is_then_what_the_code_addresses(self, engine: Engine) -> None:  # noqa: F811
        old_ledger(engine)
        convert(engine)
        TestMigrations().test_make_what_the_code_addresses(Store(engine), engine)
        Store(engine).migrate()

    def test_four_workers_of_three_replicas_make_them_once(
        self,
        url: str,
        engine: Engine,  # noqa: F811
        tmp_path: Path,
    ) -> None:
        store, old = old_ledger(engine)  # noqa: F811
        script = (
            "import sys, time; from openwebui_usage.ledger.partitioning import Partitioning;"
            "from openwebui_usage.ledger.months import is_partitioned;"
            "from tests.support.recorder import engine_like_open_webui;"
            "engine = engine_like_open_webui(sys.argv[1]); work = Partitioning(engine, None)\n"
            "for _ in range(1000):\n"
            "    if not work.step():\n"
            "        with engine.connect() as connection:\n"
            "            if is_partitioned(connection, None): break\n"
            "        time.sleep(0.02)\n"
        )
        keepers = [subprocess.Popen([sys.executable, "-c", script, url], cwd=ROOT) for _ in range(4)]
        recorders = [start_recorder(url, tmp_path / str(number), "--threads", 3, "--calls", 40) for number in range(4)]
        told = [recorder.communicate(timeout=120)[0].split()[1:] for recorder in recorders]
        assert [keeper.wait(60) for keeper in keepers] == [0] * 4
        for number in range(4):
            Spool(tmp_path / str(number)).replay(lambda rows: store.record(rows, maybe_written=True))
        assert places(engine).keys() == {*old, *(id_ for ids in told for id_ in ids)}
        assert store.group("G").sums.calls == len(old) + 4 * 3 * 40
        with engine.connect() as connection:
            parts = months.partitions(connection, None)
        assert parts[0].name == BEFORE
        assert len(parts) == 1 + months.AHEAD

    def test_a_view_would_tell_of_the_old_table_alone_so_that_it_stays(
        self,
        engine: Engine,  # noqa: F811
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        old_ledger(engine)
        with engine.begin() as connection:
            connection.execute(text("CREATE VIEW mine AS SELECT id FROM usage_call"))
        partitioning = Partitioning(engine, None)
        assert [partitioning.step() for _ in range(2)] == [False, False]
        assert caplog.text.count("In the way: a view of it") == 1
        with engine.begin() as connection:
            assert not months.is_partitioned(connection, None)
            connection.execute(text("DROP VIEW mine"))
        convert(engine)

    def test_a_bound_is_lifted_before_it_keeps_calls_away(self, engine: Engine) -> None:  # noqa: F811
        store, _ = old_ledger(engine)  # noqa: F811
        then = datetime.now(UTC) - timedelta(days=120)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM usage_call WHERE id > :id"), {"id": id_at(then.timestamp())})
        assert Partitioning(engine, None).step(then)
        with pytest.raises(SQLAlchemyError) as refusal:
            store.record([a_call()])
        assert not is_rows_fault(refusal.value), "the row waits in the spool"
        Store(engine).migrate()
        store.record([a_call()])
        convert(engine)
        assert len(places(engine)) > 1

    def test_a_locked_table_is_left_for_the_next_time(
        self,
        engine: Engine,  # noqa: F811
        new_engine: NewEngine,  # noqa: F811
    ) -> None:
        old_ledger(engine)
        with new_engine().connect() as connection:
            connection.execute(text("SELECT count(*) FROM usage_call"))
            started = time.monotonic()
            assert not Partitioning(engine, None).step()
            assert time.monotonic() - started < 1
        convert(engine)

    def test_months_go_as_a_whole_and_the_border_row_by_row(self, store: Store, engine: Engine) -> None:  # noqa: F811
        now = datetime.now(UTC)
        with engine.begin() as connection:
            for later in range(-7, -1):
                months.make_month(connection, None, "usage_call", months.month_of(now, later))
        rows = []
        for day in range(200):
            at = (now - timedelta(days=day, minutes=1)).timestamp()
            rows.append(replace(a_call(), started_at=at, id=f"{id_at(at)}{day:016x}"))
        store.create_group("G", ["*"], None, "documented")
        store.record(rows)
        with engine.begin() as connection:
            write_progress(connection, CONVERTED, id_at(now.timestamp()))
        retention = Retention(calls=Duration(2, "month"))
        horizon = retention.calls.before(now)  # type: ignore[union-attr]
        assert retention.step(engine, now)
        while retention.step(engine, now):
            pass
        assert places(engine).keys() == {row.id for row in rows if row.started_at >= horizon.timestamp()}
        with engine.connect() as connection:
            names = [part.name for part in months.partitions(connection, None)]
            left = connection.execute(text("SELECT relname FROM pg_class WHERE relname LIKE 'usage_call_gone%'")).all()
        assert names[0] == f"usage_call_{horizon:%Y_%m}"
        assert left == []
        assert store.group("G").sums.calls == 200
        assert list(store.check_sums().differences()) == []

    def test_what_is_to_be_removed_waits_for_readers(
        self,
        store: Store,  # noqa: F811
        engine: Engine,  # noqa: F811
        new_engine: NewEngine,  # noqa: F811
    ) -> None:
        far = id_at(datetime(2021, 1, 1, tzinfo=UTC).timestamp())
        with engine.begin() as connection:
            months.make_month(connection, None, "usage_call", datetime(2020, 5, 1, tzinfo=UTC))
        with new_engine().connect() as connection:
            connection.execute(text("SELECT count(*) FROM usage_call"))
            assert months.drop_before(engine, None, far) is False
            store.record([a_call()])
        assert [months.drop_before(engine, None, far) for _ in range(3)] == [True, True, None]

    def test_a_month_that_is_in_the_rest_stays_there(self, store: Store, engine: Engine) -> None:  # noqa: F811
        """As where an older version ran for longer than months were made ahead."""
        now = datetime.now(UTC) + timedelta(days=200)
        at = now.timestamp()
        late = replace(a_call(), started_at=at, id=id_at(at) + "0" * 16)
        store.record([late])
        with engine.begin() as connection:
            months.make_ahead(connection, None, now)
            made = {part.name for part in months.partitions(connection, None)}
        assert f"usage_call_{now:%Y_%m}" not in made
        assert f"usage_call_{months.month_of(now, 1):%Y_%m}" in made
        assert places(engine) == {late.id: months.REST}


DAY = 86_400.0
ROOT = Path(__file__).parents[2]


def old_ledger(engine: Engine, schema: str | None = None) -> tuple[Store, set[str]]:  # noqa: F811
    """A ledger whose calls are in one table, and their ids."""
    with engine.begin() as connection:
        if schema:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "partition_if_empty", lambda connection, schema: None)
        store = Store(engine, schema)
        store.migrate()
    store.create_group("G", ["*"], None, "documented")
    rows = []
    for day in range(0, 400, 2):
        at = time.time() - day * DAY - 60
        rows.append(replace(a_call(), started_at=at, id=f"{id_at(at)}{day:016x}"))
    store.record(rows)
    return store, {row.id for row in rows}


def convert(engine: Engine, schema: str | None = None) -> None:  # noqa: F811
    partitioning = Partitioning(engine, schema)
    for _ in range(2000):
        partitioning.step()
        with engine.connect() as connection:
            if months.is_partitioned(connection, schema):
                return
        time.sleep(0.005)
    raise AssertionError("it stays one table")


def places(engine: Engine, schema: str | None = None) -> dict[str, str]:  # noqa: F811
    """In which table each row is."""
    table = months.qualified("usage_call", schema)
    query = f"SELECT u.id, c.relname FROM {table} u JOIN pg_class c ON c.oid = u.tableoid"
    with engine.connect() as connection:
        return dict(connection.execute(text(query)).tuples().all())


def reader_exists(connection: Connection) -> bool:
    return connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = 'reader'")).first() is not None
