"""LiteLLM's proxy between Open WebUI and the provider, with a budget for the key that Open WebUI has.

LiteLLM keeps keys and budgets in PostgreSQL by way of Prisma (docs.litellm.ai/docs/proxy/db_info), whose query engine
is no package: it is downloaded when the client is made, which needs more than package registries. So the key and its
budget come from a handler here (docs.litellm.ai/docs/proxy/custom_auth, with both of its flags), and what was spent is
in the proxy's memory. That spares it all queries: with its database LiteLLM has more to do for a call, not less. What
it counts is taken from its own record of each call, by a callback (docs.litellm.ai/docs/observability/custom_callback).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.peers.peer import Peer, Terms
from tests.support.host import HostEnvironment
from tests.support.openwebui import OpenWebUI
from tests.support.process import Process, free_port, wait_until

VERSION = "1.106.12"
KEY = "sk-open-webui"
PRICE, NEXT_TO_NOTHING = 0.001, 1e-15
"""US dollars for a token. A model that costs nothing at all would be let pass without a look at the budget."""


class LiteLLMProxy(Peer):
    name = "LiteLLM's proxy"

    def __init__(self, terms: Terms) -> None:
        self._folder = terms.folder / "litellm"
        self._environment = _environment()
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self.server = OpenWebUI(
            HostEnvironment.cached(),
            self._folder,
            provider_url=terms.provider_url,
            log=self._folder.with_suffix(".log"),
            env={
                "OPENAI_API_BASE_URLS": f"{self._url}/v1",
                "OPENAI_API_KEYS": KEY,
                "OPENAI_API_CONFIGS": "{}",
                "ENABLE_OLLAMA_API": "false",
            },
        )
        # A JSON document is YAML, too.
        self._config = self._folder / "config.yaml"
        self._config.write_text(json.dumps(_config(terms), indent=2))
        self._counts = self._folder / "counts.jsonl"
        self._counts.touch()
        shutil.copy(Path(__file__).with_name("litellm_hooks.py"), self._folder)
        self._max_budget = PRICE * terms.budget
        self._process: Process | None = None

    def start(self) -> None:
        log = self._folder / "proxy.log"
        self._process = Process(
            [
                self._environment / "bin" / "litellm",
                *("--config", self._config),
                *("--host", "127.0.0.1"),
                *("--port", str(self._port)),
                *("--num_workers", "1"),
            ],
            env={
                "PATH": f"{self._environment / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self._folder),
                "LANG": "C.UTF-8",
                "NO_PROXY": "127.0.0.1,localhost",
                # Nothing is fetched, and nobody is told.
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_TELEMETRY_DISABLED": "true",
                "DO_NOT_TRACK": "1",
                "LITELLM_MODE": "PRODUCTION",
                "LITELLM_LOG": "ERROR",
                "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",  # It does not start without one.
                "BENCH_KEY": KEY,
                "BENCH_BUDGET": repr(self._max_budget),
                "BENCH_COUNTS": str(self._counts),
            },
            cwd=self._folder,
            log=log,
        )
        process = self._process

        def is_up() -> bool:
            if not process.running:
                raise AssertionError(f"litellm ended with {process.exit_code}\n{process.log_tail()}")
            try:
                answer = httpx.get(f"{self._url}/health/liveliness", timeout=5, trust_env=False)
            except httpx.TransportError:
                return False
            return answer.status_code == httpx.codes.OK

        wait_until(is_up, timeout=300, what="LiteLLM answers", details=process.log_tail, every=0.5)
        self.server.start()
        self.server.admin.models(refresh=True)

    def stop(self) -> None:
        super().stop()
        if self._process:
            self._process.stop()

    def version(self) -> str:
        return VERSION

    def counted(self, model: str) -> int:
        calls = [json.loads(line) for line in self._counts.read_text().splitlines()]
        return sum(call["tokens"] for call in calls if call["model"] == model)

    def processes(self) -> list[int]:
        return [self.server.pid, *([self._process.pid] if self._process else [])]


def _config(terms: Terms) -> dict[str, Any]:
    def deployment(model: str, price: float) -> dict[str, Any]:
        where = {"model": f"openai/{model}", "api_base": f"{terms.provider_url}/openai/v1", "api_key": "sk-stand-in"}
        return {
            "model_name": model,
            "litellm_params": {**where, "input_cost_per_token": price, "output_cost_per_token": price},
        }

    return {
        "model_list": [
            *(deployment(model, NEXT_TO_NOTHING) for model in terms.models),
            deployment(terms.bounded, PRICE),
        ],
        "litellm_settings": {"callbacks": ["litellm_hooks.counter"], "num_retries": 0},
        "general_settings": {
            "custom_auth": "litellm_hooks.authenticate",
            "custom_auth_run_common_checks": True,
            "enable_post_custom_auth_checks": True,
        },
    }


def _environment() -> Path:
    """LiteLLM's own, made once and kept beside those of the tests."""
    prefix = (
        HostEnvironment.cached().prefix.parent / f"litellm-{VERSION}-python{sys.version_info[0]}.{sys.version_info[1]}"
    )
    complete = prefix / ".complete"
    if not complete.exists():
        shutil.rmtree(prefix, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", prefix], check=True)
        command = [
            prefix / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            f"litellm[proxy]=={VERSION}",
        ]
        subprocess.run(command, check=True)
        complete.touch()
    return prefix
