"""kill -9 at any moment, under load: every call whose end a client saw is in the ledger, and none is there twice."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.recorder import engine_like_open_webui, start_recorder
from tests.support.services import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/webui.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()


_LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "LOCK TABLE usage_call IN EXCLUSIVE MODE"}


def ids_in(url: str) -> list[str]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(select(usage_call.c.id)).scalars())


def test_twenty_times_a_worker_is_killed(url: str, tmp_path: Path) -> None:
    """Two workers at a time, one of them killed; its successor takes over what it left in its spool file."""
    engine = engine_like_open_webui(url)
    store = Store(engine)
    store.migrate()
    store.create_group("G", ["*"], None, "documented")
    spool, moments = tmp_path / "spool", random.Random(20)
    survivor = start_recorder(url, spool, "--threads", 4)
    with ThreadPoolExecutor(1) as reader:
        told = reader.submit(survivor.communicate)
        lines = []
        for round_ in range(20):
            process = start_recorder(url, spool, "--threads", 8)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            with engine.connect() as other:
                if round_ % 4 == 3:  # Death comes while rows go to the spool file.
                    other.exec_driver_sql(_LOCKS[engine.dialect.name])
                killer = threading.Timer(moments.uniform(0.01, 0.4) + (round_ % 4 == 3), process.kill)
                killer.start()
                lines += process.communicate()[0].splitlines(keepends=True)
        survivor.kill()
        lines += told.result()[0].splitlines(keepends=True)

    writer = Writer(store, Spool(spool))
    writer.start()  # As the next process does.
    writer.stop()
    ids = ids_in(url)
    known = {line.strip() for line in lines if line.endswith("\n")} - {"ready"}  # Death may cut a line.
    assert len(known) > 200
    assert known <= set(ids)
    assert len(ids) == len(set(ids)) == store.group("G").sums.calls
    assert store.group("G").sums.input == 100 * len(ids)
    store.close()
    engine.dispose()
