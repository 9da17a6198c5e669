"""Open WebUI as real processes: `open-webui serve`, started, watched, stopped and killed."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.support.clients import Client
from tests.support.forks import ForkServer
from tests.support.host import HostEnvironment
from tests.support.process import Process, free_port, wait_until

ADMIN_EMAIL, ADMIN_PASSWORD = "admin@example.com", "correct horse battery staple"


def connections(provider_url: str) -> dict[str, str]:
    """Open WebUI's settings for the stand-in's four connections: chat completions, Responses, Anthropic, Ollama."""
    urls = [f"{provider_url}/{name}/v1" for name in ("openai", "responses", "anthropic")]
    return {
        "ENABLE_OPENAI_API": "true",
        "OPENAI_API_BASE_URLS": ";".join(urls),
        "OPENAI_API_KEYS": ";".join("sk-stand-in" for _ in urls),
        # "litellm" is how Open WebUI marks a connection that takes /v1/messages as it is.
        "OPENAI_API_CONFIGS": json.dumps({"1": {"api_type": "responses"}, "2": {"provider": "litellm"}}),
        "ENABLE_OLLAMA_API": "true",
        "OLLAMA_BASE_URLS": f"{provider_url}/ollama",
    }


QUIET = {
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "HF_HUB_OFFLINE": "1",
    "OFFLINE_MODE": "true",
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "true",
    "SCARF_NO_ANALYTICS": "true",
    # Open WebUI drops Uvicorn's own messages otherwise, and with them "Application startup complete" of each worker.
    "AUDIT_UVICORN_LOGGER_NAMES": "uvicorn.access,uvicorn.error",
    # An embedding model by name only: none is loaded, which saves seconds and memory at every start.
    "RAG_EMBEDDING_ENGINE": "openai",
    "RAG_EMBEDDING_MODEL": "text-embedding-3-small",
}
OPEN = {
    "WEBUI_SECRET_KEY": "for tests only, and the same for all of their servers",
    "WEBUI_ADMIN_EMAIL": ADMIN_EMAIL,
    "WEBUI_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "ENABLE_API_KEYS": "true",
    "USER_PERMISSIONS_FEATURES_API_KEYS": "true",
    "ENABLE_CHANNELS": "true",
    "ENABLE_DIRECT_CONNECTIONS": "true",
    "ENABLE_OPENAI_API_PASSTHROUGH": "true",
    # Otherwise only admins see models that nobody has shared. Turn it off to test access itself.
    "BYPASS_MODEL_ACCESS_CONTROL": "true",
}


class OpenWebUI:
    """One deployment: a data directory and the processes on it. Starts, stops and starts again."""

    def __init__(
        self,
        host: HostEnvironment,
        directory: Path,
        *,
        provider_url: str,
        log: Path,
        workers: int = 1,
        database_url: str | None = None,
        redis_url: str | None = None,
        env: Mapping[str, str] | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        """With `forks` it does without the seconds in which its libraries are imported, and so does each worker."""
        self.host = host
        self._forks = forks
        self.data = directory / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.ledger_file = self.data / "webui-usage.db"
        """Where Open WebUI is on SQLite."""
        self.workers = workers
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(directory),
            "DATA_DIR": str(self.data),
            # Open WebUI clears and refills this at every start; its default lies in site-packages.
            "STATIC_DIR": str(directory / "static"),
            "NO_PROXY": "127.0.0.1,localhost",
            "UVICORN_WORKERS": str(workers),
            **QUIET,
            **OPEN,
            **connections(provider_url),
        }
        if database_url:
            self.env["DATABASE_URL"] = database_url
        if redis_url:
            self.env |= {"REDIS_URL": redis_url, "WEBSOCKET_REDIS_URL": redis_url, "WEBSOCKET_MANAGER": "redis"}
        self.env |= env or {}
        self._seeded = False
        self._process: Process | None = None
        self._admin: Client | None = None

    def start(self, *, timeout: float = 400) -> OpenWebUI:
        """Start it and return once all workers answer.

        On an empty database several workers of Open WebUI race each other, and the loser ends all: one goes ahead.
        """
        if self.workers > 1 and not self._seeded:
            workers, self.workers = self.workers, 1
            self.env["UVICORN_WORKERS"] = "1"
            self.start(timeout=timeout).stop()
            self.workers = workers
            self.env["UVICORN_WORKERS"] = str(workers)
        self._seeded = True
        ready_before = self._workers_ready()
        self._process = Process(
            [self.host.command, "serve", "--host", "127.0.0.1", "--port", str(self.port)],
            env=self.env,
            cwd=self.data.parent,
            log=self.log,
            fork=self._forks.of(self.host) if self._forks else None,
        )

        def is_up() -> bool:
            if not self.process.running:
                raise AssertionError(f"open-webui ended with {self.process.exit_code}\n{self.process.log_tail()}")
            if self.workers > 1 and self._workers_ready() - ready_before < self.workers:
                return False
            try:
                return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        wait_until(is_up, timeout=timeout, what="Open WebUI is up", details=self.process.log_tail, every=0.1)
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> int | None:
        """End it the polite way (SIGINT is Ctrl-C); returns the exit code."""
        self._sign_out()
        return self._process.stop(how) if self._process else None

    def kill9(self) -> None:
        """SIGKILL for all of its processes, at once."""
        self._sign_out()
        self.process.kill()

    def discard(self) -> None:
        """End it, started or not, without the seconds that a polite end takes: nobody looks at it any more."""
        self._sign_out()
        if self._process:
            self._process.kill()

    def restart(self) -> OpenWebUI:
        """Stop and start on the same data and the same port. Tokens stay valid; open connections do not."""
        self.stop()
        return self.start()

    @property
    def process(self) -> Process:
        assert self._process is not None, "not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def admin(self) -> Client:
        """The administrator, signed in."""
        if self._admin is None:
            self._admin = self.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD)
            # "What's new" would open over the page at some moment, and take the focus with it.
            self._admin.request("POST", "/api/v1/users/user/settings/update", {"ui": {"showChangelog": False}})
        return self._admin

    def sign_in(self, email: str, password: str) -> Client:
        return Client.sign_in(self.url, email, password)

    def anonymous(self) -> Client:
        """Somebody who has not signed in."""
        return Client(self.url)

    def log_text(self) -> str:
        """Everything logged so far, over all starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _workers_ready(self) -> int:
        return len(re.findall(r"Application startup complete", self.log_text()))

    def _sign_out(self) -> None:
        if self._admin:
            self._admin.close()
        self._admin = None
