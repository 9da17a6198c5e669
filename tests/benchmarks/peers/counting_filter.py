"""A filter that counts tokens and refuses at a limit, of the kind that many write for themselves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.peers.peer import Peer, Terms
from tests.support.host import HostEnvironment
from tests.support.openwebui import OpenWebUI

FUNCTION = "counting"


class CountingFilter(Peer):
    name = "a counting filter"

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        folder = terms.folder / "filter"
        self._database = folder / "counts.db"
        self.server = OpenWebUI(
            HostEnvironment.cached(), folder, provider_url=terms.provider_url, log=folder.with_suffix(".log")
        )

    def start(self) -> None:
        self.server.start()
        admin = self.server.admin
        admin.models(refresh=True)
        source = Path(__file__).with_name("counting_filter_function.py").read_text()
        admin.add_function(FUNCTION, source, active=False)
        limits = {**dict.fromkeys(self._terms.models, 10**15), self._terms.bounded: self._terms.budget}
        valves = {"database": str(self._database), "limits": json.dumps(limits)}
        admin.request("POST", f"/api/v1/functions/id/{FUNCTION}/valves/update", valves)
        admin.request("POST", f"/api/v1/functions/id/{FUNCTION}/toggle")

    def version(self) -> str:
        return ""

    def counted(self, model: str) -> int:
        if not self._database.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as connection:
            statement = "SELECT COALESCE(SUM(tokens), 0) FROM used WHERE model = ?"
            return int(connection.execute(statement, (model,)).fetchone()[0])
