"""Open WebUI by itself, and with this plugin."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.benchmarks.peers.peer import Peer, Terms
from tests.support.host import HostEnvironment, build_wheel
from tests.support.openwebui import OpenWebUI


class Bare(Peer):
    """It limits nothing; its analytics add up what the messages of saved chats carry."""

    name = "bare"

    def __init__(self, terms: Terms) -> None:
        folder = terms.folder / "bare"
        self.server = OpenWebUI(
            HostEnvironment.cached(), folder, provider_url=terms.provider_url, log=folder.with_suffix(".log")
        )

    def start(self) -> None:
        self.server.start()
        self.server.admin.models(refresh=True)

    def version(self) -> str:
        return ""

    def counted(self, model: str) -> int:
        models = self.server.admin.request("GET", "/api/v1/analytics/tokens")["models"]
        return sum(each["total_tokens"] for each in models if each["model_id"] == self.model(model))


class Plugin(Peer):
    name = "this plugin"

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        folder = terms.folder / "plugin"
        host = HostEnvironment.cached().overlay(folder / "environment")
        host.install(build_wheel(folder))
        self.server = OpenWebUI(host, folder, provider_url=terms.provider_url, log=folder.with_suffix(".log"))

    def start(self) -> None:
        self.server.start()
        self.server.admin.models(refresh=True)
        self.server.admin.add_group("all", list(self._terms.models), 10**15)
        self.server.admin.add_group("bounded", [self._terms.bounded], self._terms.budget)

    def version(self) -> str:
        return self.server.host.packages()["openwebui-usage"]

    def counted(self, model: str) -> int:
        url = f"file:{self.server.ledger_file}?mode=ro"
        with closing(sqlite3.connect(url, uri=True, timeout=10)) as connection:
            statement = "SELECT COALESCE(SUM(input + output), 0) FROM usage_call WHERE called_model = ?"
            return int(connection.execute(statement, (model,)).fetchone()[0])
