"""Processes that begin as forks of one which has imported their libraries already: `forkserver.py`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.host import HostEnvironment
from tests.support.process import Process, wait_until

OF_OPEN_WEBUI = (
    "PIL.Image",
    "aiocache",
    "aiohttp",
    "aiosqlite",
    "alembic.command",
    "authlib.integrations.starlette_client",
    "azure.identity",
    "azure.storage.blob",
    "black",
    "boto3",
    "bs4",
    "chromadb",
    "engineio",
    "fastapi",
    "google.cloud.storage",
    "httpx2",
    "jwt",
    "langchain_classic.retrievers",
    "ldap3",
    "loguru",
    "markdown",
    "mcp",
    "pycrdt",
    "redis.asyncio",
    "socketio",
    "sqlalchemy.ext.asyncio",
    "typer",
    "uvicorn",
)
"""What Open WebUI imports itself and takes long. One that a version does not have is left out."""
OF_THE_PLUGIN = (
    "alembic.command",
    "fastapi",
    "genai_prices",
    "httpx",
    "pydantic_settings",
    "redis.asyncio",
    "rich.table",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.dialects.sqlite",
    "typer",
    "uvicorn",
)
"""The same of the plugin's own commands."""


class ForkServer:
    """One process, in an environment without the program."""

    def __init__(self, host: HostEnvironment, libraries: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """`env` are the variables that libraries read when they are imported; all others are a fork's own."""
        self._host = host
        self._libraries = libraries
        self._env = env
        self._log = log
        self._process: Process | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="owu-")  # A socket's path is at most 107 characters long.
        self._path = f"{self._directory.name}/socket"

    def of(self, host: HostEnvironment) -> Callable[..., ForkedProcess]:
        """`fork(command, env=…, cwd=…, log=…)`: a process as if it were started in that environment."""

        def fork(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, log: Path) -> ForkedProcess:
            task = {
                "command": [str(part) for part in command],
                "env": dict(env),
                "cwd": str(cwd),
                "log": str(log),
                "prefix": str(host.prefix),
                "site_packages": str(host.site_packages),
            }
            return ForkedProcess(self._connect(), task)

        return fork

    def stop(self) -> None:
        """Its forks end with it."""
        if self._process:
            self._process.stop()
        self._directory.cleanup()

    def start(self) -> None:
        """Begin to import; nobody waits for that until the first fork."""
        self._process = Process(
            [self._host.python, Path(__file__).with_name("forkserver.py"), self._path, *self._libraries],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": self._directory.name, **self._env},
            cwd=Path(self._directory.name),
            log=self._log,
        )

    def _connect(self) -> socket.socket:
        assert self._process is not None, "not started"
        process, client = self._process, socket.socket(socket.AF_UNIX)

        def connected() -> bool:
            assert process.running, process.log_tail()
            try:
                client.connect(self._path)
            except OSError:
                return False
            return True

        wait_until(connected, timeout=300, what="libraries are imported", details=process.log_tail)
        return client


class ForkedProcess:
    """One fork, as `subprocess.Popen` would show it."""

    def __init__(self, server: socket.socket, task: Mapping[str, Any]) -> None:
        self._server = server
        self._received = b""
        self._code: int | None = None
        server.sendall(json.dumps(task).encode() + b"\n")
        self.pid = int(self._next(60)["pid"])

    def poll(self) -> int | None:
        """The exit code, or None."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        if self._code is None:
            try:
                self._code = int(self._next(timeout)["exit"])
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0) from None
            self._server.close()
        return self._code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _next(self, timeout: float | None) -> dict[str, int]:
        self._server.settimeout(timeout)
        while b"\n" not in self._received:
            received = self._server.recv(100)
            # Where the server died, it took its forks with it.
            self._received += received or b'{"exit": %d}\n' % -signal.SIGTERM
        line, _, self._received = self._received.partition(b"\n")
        found: dict[str, int] = json.loads(line)
        return found
