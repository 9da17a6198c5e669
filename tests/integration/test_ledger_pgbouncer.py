"""The ledger's contract through PgBouncer in transaction mode, by TLS, in a schema of its own.

Each transaction may get another connection of the server there, and nothing that was set for a session holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Engine, create_engine, text

from openwebui_usage.ledger import Store
from tests.support.process import Process, free_port, wait_until
from tests.support.recorder import a_call
from tests.support.services import Postgres
from tests.unit.test_ledger import (  # noqa: F401 - collected here, with the database below
    NewEngine,
    TestBudgets,
    TestCounting,
    TestGroups,
    TestMigrations,
    TestOutbox,
    TestRecording,
    engine,
    in_threads,
    new_engine,
    other,
    store,
)
from tests.unit.test_recounts import TestCountingBesideWriters  # noqa: F401

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = [pytest.mark.nightly, pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer")]


@pytest.fixture(scope="module")
def pgbouncer(postgres: Postgres, new_log: Callable[[str], Path]) -> Iterator[int]:
    """The port of one in front of all databases of `postgres`. It refuses to run as root, as PostgreSQL does."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="openwebui-usage-pgbouncer-"))
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        certificate,
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(["openssl", "req", "-x509", *made], check=True, capture_output=True)
    port = free_port()
    (folder / "pgbouncer.ini").write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={postgres.port} user=tester

        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = 8
        client_tls_sslmode = require
        client_tls_key_file = {key}
        client_tls_cert_file = {certificate}
        """.replace("        ", "")
    )
    if user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    assert PGBOUNCER is not None
    env = {"PATH": os.environ["PATH"]}
    log = new_log("pgbouncer")
    server = Process([PGBOUNCER, folder / "pgbouncer.ini"], env=env, cwd=Path("/"), log=log, user=user)

    def answers() -> bool:
        try:
            psycopg2.connect(f"postgresql://tester@127.0.0.1:{port}/postgres?sslmode=require").close()
        except psycopg2.OperationalError:
            return False
        return True

    wait_until(answers, timeout=30, what="PgBouncer answers", details=server.log_tail)
    yield port
    server.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(postgres: Postgres, pgbouncer: int) -> str:
    name = postgres.new_database().rpartition("/")[2]
    return f"postgresql://tester@127.0.0.1:{pgbouncer}/{name}?sslmode=require"


def test_it_is_by_tls_and_each_transaction_may_get_another_connection(url: str) -> None:
    clients = [create_engine(url).connect() for _ in range(12)]
    backends = set()
    for client in clients:
        backends.add(client.execute(text("SELECT pg_backend_pid()")).scalar())
        client.commit()
    assert len(backends) < len(clients)
    assert all(client.connection.info.ssl_in_use for client in clients)  # type: ignore[union-attr]
    for client in clients:
        client.close()
        client.engine.dispose()


def test_a_schema_of_its_own_holds_there_too(engine: Engine) -> None:  # noqa: F811
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA elsewhere"))
    ledger = Store(engine, "elsewhere")
    ledger.migrate()
    ledger.create_group("G", ["gpt-4o"], None, "documented")
    ledger.record([a_call()])
    assert Store(engine, "elsewhere").group("G").sums.calls == 1
    ledger.check()
    with engine.connect() as connection:
        found = connection.execute(text("SELECT schemaname FROM pg_tables WHERE tablename LIKE 'usage_%'")).scalars()
        assert set(found) == {"elsewhere"}
