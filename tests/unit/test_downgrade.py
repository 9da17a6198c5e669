"""An admin goes back to an older version: it says once that it cannot write the newer ledger, and loses no call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text

from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.ledger.spool import Spool
from tests.support.earlier import earlier_code
from tests.support.process import wait_until
from tests.support.recorder import a_call, engine_like_open_webui

OLD_WORKER = """
import json, logging, sys, time
from pathlib import Path
from openwebui_usage.ledger import Store, Writer
from openwebui_usage.ledger.spool import Spool
from tests.support.recorder import a_call, engine_like_open_webui

logging.basicConfig(level="INFO", format="%(levelname)s %(message)s")
writer = Writer(Store(engine_like_open_webui(sys.argv[1])), Spool(Path(sys.argv[2])))
writer.start()
for _ in range(30):
    row = a_call()
    writer.submit(row).result()
    print(row.id)
    time.sleep(0.1)
print(json.dumps(writer.health()))
writer.stop()
"""
OLD_READER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from openwebui_usage.ledger.spool import Spool

Spool(Path(sys.argv[1])).replay(lambda rows: print(json.dumps([asdict(row) for row in rows])))
"""


@pytest.fixture
def old_code(tmp_path: Path) -> Path:
    """This repository as it was."""
    return earlier_code(tmp_path / "old", "openwebui_usage", "tests/support")


def test_what_a_newer_version_spools_is_read_by_the_older_one(old_code: Path, tmp_path: Path) -> None:
    """What it does not know of a call, it leaves out."""
    call = a_call(
        kind="api",
        key="0123456789abcdef",
        key_name="…cdef",
        connection="openai:https://api.example.com/v1",
        connection_name="https://api.example.com/v1",
        user_groups=("g-1",),
        user_group_names=("Staff",),
        effort="high",
        error="http_429",
        outcome="error",
    )
    spool = Spool(tmp_path / "spool")
    spool.append([call])
    spool.close()
    done = subprocess.run(
        [sys.executable, "-c", OLD_READER, str(tmp_path / "spool")],
        cwd=old_code,
        env={"PYTHONPATH": str(old_code)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [read] = json.loads(done.stdout)
    assert not {"kind", "key", "connection", "effort", "error"} & read.keys()
    ours = call.to_json()
    assert {name: read[name] for name in read if name != "user_groups"}.items() <= ours.items()
    assert read["user_groups"] == ["g-1"]
    assert (read["outcome"], read["usage"]["input"]) == ("error", 100)


def test_what_an_older_version_spools_is_counted_by_the_newer_one(old_code: Path, tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "spool"
    engine = engine_like_open_webui(url)
    store = Store(engine)
    store.migrate()
    store.create_group("G", ["*"], None, "documented")
    store.record([a_call()])
    store.reset_group("G")
    store.record([a_call(), a_call()])

    def rows() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(select(usage_call.c.id)).scalars())

    def revision() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT version_num FROM usage_alembic_version")).scalar_one())

    before = rows(), revision()
    assert not list((old_code / "openwebui_usage/ledger/migrations/versions").glob(f"{revision()}_*.py"))
    done = subprocess.run(
        [sys.executable, "-c", OLD_WORKER, url, str(folder)],
        cwd=old_code,
        env={"PYTHONPATH": str(old_code)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *ids, health = done.stdout.splitlines()
    assert len(ids) == 30
    [warning] = [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert f"'{revision()}'" in warning, "the revision that it does not know"
    assert str(folder) in warning
    assert json.loads(health).items() >= {"state": "spooling", "spool_rows": 30, "rejected_rows": 0}.items()
    assert (rows(), revision()) == before

    writer = Writer(store, Spool(folder))
    writer.start()
    try:
        wait_until(lambda: len(rows()) == 33, timeout=20, what="the spool is replayed")
        wait_until(lambda: writer.health()["spool_rows"] == 0, timeout=20, what="the spool is empty")
    finally:
        writer.stop()
    assert rows() == before[0] | set(ids)
    assert store.group("G").sums.calls == 2 + 30, "not the one before the reset"
    engine.dispose()
