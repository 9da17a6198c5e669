"""The ledger's contract on PostgreSQL, and what only PostgreSQL has."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from openwebui_usage.ledger import Store
from tests.support.recorder import a_call
from tests.support.services import Postgres
from tests.unit.test_call_log import TestCallLog, few_at_once, whole_ledger  # noqa: F401
from tests.unit.test_cubes import TestCubes, priced  # noqa: F401
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
        ledger.create_group("G", ["gpt-4o"], None, "documented", period="month")
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
