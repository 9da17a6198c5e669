"""A private PostgreSQL and a private Redis, on free ports, gone with the test run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import redis

from tests.support.process import Process, free_port, wait_until


class Postgres:
    """A cluster of its own in a directory of its own. PostgreSQL refuses to run as root, so root lends it a user.

    It can be taken away and brought back, with all its data, on the same port.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._binaries = _postgres_binaries()
        # Not under pytest's own temporary directory: only its owner may enter that.
        self._directory = Path(tempfile.mkdtemp(prefix="openwebui-usage-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._directory, self._user)
        self._data = self._directory / "data"
        initdb: list[str | Path] = [self._binaries / "initdb", "-D", self._data, "-U", "tester"]
        subprocess.run(
            [*initdb, "--auth=trust", "--encoding=UTF8", "--no-sync"],
            user=self._user,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.port = free_port()
        self._numbers = 0
        self.start()

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._directory),
            "max_connections": "300",
            # The data outlives the processes, not the machine: without this, one shutdown takes most of a minute.
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = Process(
            [self._binaries / "postgres", "-D", self._data, "-p", str(self.port), *options],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            cwd=Path("/"),
            log=self._log,
            user=self._user,
        )
        wait_until(self._answers, timeout=30, what="PostgreSQL answers", details=self._process.log_tail)

    def url(self, database: str) -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a fresh, empty database."""
        self._numbers += 1
        name = f"test{self._numbers}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        connection = psycopg2.connect(self.url(database))
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.stop(signal.SIGINT)  # "fast": doesn't wait for clients

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes stand still for the time of a `with`; the connections stay open."""
        connection = psycopg2.connect(self.url("postgres"))
        cursor = connection.cursor()
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        processes = [self._process.pid, *(pid for (pid,) in cursor.fetchall())]
        try:
            for pid in processes:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)
            connection.close()

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            psycopg2.connect(self.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True


class Redis:
    """A server of its own that keeps nothing. It can be taken away and brought back, empty, on the same port."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        self._process = Process(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            env={"PATH": os.environ["PATH"]},
            cwd=Path("/"),
            log=self._log,
        )
        wait_until(self._answers, timeout=15, what="Redis answers", details=self._process.log_tail)

    def stop(self) -> None:
        self._process.stop(signal.SIGKILL)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and commands, and answers none."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def clear(self) -> None:
        self.client.flushall()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return bool(self.client.ping())
        except (OSError, redis.RedisError):
            return False


def _postgres_binaries() -> Path:
    """The newest PostgreSQL's own directory: Debian keeps initdb off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise RuntimeError("PostgreSQL is missing: start the tests with tests/run")
    return Path(initdb).resolve().parent
