"""The token client: its command line, and its server as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from openwebui_usage.cli import app
from openwebui_usage.client.commands.users import users
from tests.support.host import ROOT
from tests.support.process import Fork, Process, free_port, wait_until

_OF_THE_CLIENT = ("OPEN", "DATABASE", "WEBUI")
"""How the variables begin that its commands read."""


class Place:
    """A working directory, with its database and secret, and the commands in it."""

    def __init__(self, directory: Path, env: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **(env or {})}

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """One command, without the second that a process of its own takes; `env` adds variables."""
        return self._invoke(app, arguments, env)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same of the commands as `manage.py` had them."""
        return self._invoke(users, arguments, {})

    def run_alone(self, *arguments: str, module: str = "openwebui_usage.cli") -> subprocess.CompletedProcess[str]:
        """One command, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.env,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
        )

    def users(self, *arguments: str, **env: str) -> Any:
        """`openwebui-usage users … --json`, which must succeed."""
        done = self.run("users", *arguments, "--json", **env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def create(self, name: str, limit: float = 1000) -> str:
        """A new user's token."""
        return str(self.users("create", name, "--limit", str(limit))["token"])

    def _invoke(
        self, commands: Any, arguments: Sequence[str], env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        ours = {name: value for name, value in {**self.env, **env}.items() if name.startswith(_OF_THE_CLIENT)}
        others = dict.fromkeys(name for name in os.environ if name.startswith(_OF_THE_CLIENT))
        with chdir(self.directory):
            result = CliRunner().invoke(commands, arguments, env={**others, **ours})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


class TokenServer:
    """`openwebui-usage client` in a place."""

    def __init__(self, place: Place, log: Path, fork: Callable[..., Fork] | None = None, **env: str) -> None:
        """With `fork`, of the fixture `command_forks`, it does without the second in which libraries are imported."""
        self.place = place
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process(
            [*([] if fork else [sys.executable]), "-m", "openwebui_usage.cli", "client", "--port", str(self.port)],
            env={**place.env, **env},
            cwd=place.directory,
            log=log,
            fork=fork,
        )
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        wait_until(self._is_up, timeout=30, what="the token client answers", details=self.process.log_tail)

    def chat(self, token: str | None, content: str = "Your message", **more: Any) -> httpx.Response:
        """The documented request."""
        body = {"messages": [{"role": "user", "content": content}], "token": token, **more}
        return self.http.post("/chat", json=body)

    def stats(self, token: str) -> Any:
        return self.http.get(f"/user/stats/{token}").raise_for_status().json()

    def log_text(self) -> str:
        return self.process.log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        self.http.close()
        return self.process.stop(how)

    def _is_up(self) -> bool:
        assert self.process.running, self.process.log_tail()
        try:
            return self.http.get("/healthz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """What a stream said, event by event."""
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
