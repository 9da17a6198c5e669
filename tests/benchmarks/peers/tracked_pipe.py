"""Dartmouth's tracked pipe, which asks the provider itself in place of Open WebUI's connection.

Set up as its page on PyPI says (openwebui-token-tracking): `init`, a function of two lines, its valves. Credits are per
day and user, for all models that cost any; one credit is one token of the model with the budget.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

from tests.benchmarks.peers.peer import Peer, Terms
from tests.support.host import HostEnvironment
from tests.support.openwebui import OpenWebUI

VERSION = "0.1.10"
FUNCTION = "tracked"
NEXT_TO_NOTHING = 10**9
"""Tokens for a credit. A model that costs nothing at all would be let pass without a look at the credits."""

SOURCE = '''
"""
title: Tracked
"""
from openwebui_token_tracking.pipes import OpenAITrackedPipe

Pipe = OpenAITrackedPipe
'''


class TrackedPipe(Peer):
    name = "Dartmouth's tracked pipe"

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        folder = terms.folder / "tracked-pipe"
        host = HostEnvironment.cached().overlay(folder / "environment")
        host.pip("install", "--quiet", f"openwebui-token-tracking=={VERSION}")
        self._database = folder / "data" / "webui.db"
        self.server = OpenWebUI(
            host,
            folder,
            provider_url=terms.provider_url,
            log=folder.with_suffix(".log"),
            database_url=f"sqlite:///{self._database}",
            env={"ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false"},
        )

    def start(self) -> None:
        self.server.start()
        prices, settings = self.server.data / "prices.json", self.server.data / "settings.json"
        prices.write_text(json.dumps(self._prices()))
        allowance = {"setting_key": "base_credit_allowance", "setting_value": str(self._terms.budget)}
        settings.write_text(json.dumps([{**allowance, "description": "a-day"}]))
        command = self.server.host.prefix / "bin" / "owui-token-tracking"
        subprocess.run(
            [command, "init", "--model-json", prices, "--settings-json", settings],
            env={**self.server.env, "PATH": os.environ["PATH"]},
            cwd=self.server.data,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        admin = self.server.admin
        admin.add_function(FUNCTION, SOURCE, active=False, everywhere=False)
        valves = {
            "PROVIDER": FUNCTION,
            "API_BASE_URL": f"{self._terms.provider_url}/openai/v1",
            "API_KEY": "sk-stand-in",
        }
        admin.request("POST", f"/api/v1/functions/id/{FUNCTION}/valves/update", valves)
        admin.request("POST", f"/api/v1/functions/id/{FUNCTION}/toggle")
        admin.models(refresh=True)

    def version(self) -> str:
        return VERSION

    def model(self, model: str) -> str:
        return f"{FUNCTION}.{model}"

    def counted(self, model: str) -> int:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as connection:
            statement = """
                SELECT COALESCE(SUM(prompt_tokens + response_tokens), 0)
                FROM token_tracking_usage_log WHERE model_id = ?
            """
            return int(connection.execute(statement, (model,)).fetchone()[0])

    def _prices(self) -> list[dict[str, Any]]:
        def price(model: str, tokens: int) -> dict[str, Any]:
            both = {"input_cost_credits": 1, "per_input_tokens": tokens}
            both |= {"output_cost_credits": 1, "per_output_tokens": tokens}
            return {"provider": FUNCTION, "id": model, "name": model, **both}

        # Refusals name a model that costs nothing, and fail where there is none.
        free = {**price("free", 1), "input_cost_credits": 0, "output_cost_credits": 0}
        return [*(price(model, NEXT_TO_NOTHING) for model in self._terms.models), price(self._terms.bounded, 1), free]
