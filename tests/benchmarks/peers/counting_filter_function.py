"""
title: Counting
description: Counts tokens by the provider's usage, and refuses at a limit.
"""

import json
import sqlite3
import threading

from pydantic import BaseModel

CHARACTERS_PER_TOKEN = 4


class Filter:
    class Valves(BaseModel):
        database: str = ""
        limits: str = "{}"
        """Tokens by model, as JSON."""

    def __init__(self):
        self.valves = self.Valves()
        self._lock = threading.Lock()
        self._connection = None

    def inlet(self, body: dict) -> dict:
        limit = json.loads(self.valves.limits).get(body["model"])
        if limit is not None and self._used(body["model"]) >= limit:
            raise Exception(f"You have used up your {limit} tokens.")
        if body.get("stream"):
            body["stream_options"] = {"include_usage": True}
        return body

    def stream(self, event: dict, __request__=None, __model__=None) -> dict:
        usage = event.get("usage")
        if usage:
            self._add(__model__["id"], usage.get("total_tokens") or 0)
            __request__.state.was_counted = True
        return event

    def outlet(self, body: dict, __request__=None) -> dict:
        """Whole answers carry their usage; of what did not tell any the text is all there is to go by."""
        if not getattr(__request__.state, "was_counted", False):
            told = body["messages"][-1].get("usage") or {}
            text = "".join(str(message.get("content") or "") for message in body["messages"])
            self._add(body["model"], told.get("total_tokens") or len(text) // CHARACTERS_PER_TOKEN)
        return body

    def _used(self, model: str) -> int:
        with self._lock:
            found = self._open().execute("SELECT tokens FROM used WHERE model = ?", (model,)).fetchone()
        return found[0] if found else 0

    def _add(self, model: str, tokens: int) -> None:
        with self._lock:
            statement = "INSERT INTO used VALUES (?, ?) ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens"
            self._open().execute(statement, (model, tokens))

    def _open(self):
        if self._connection is None:
            self._connection = sqlite3.connect(self.valves.database, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS used (model TEXT PRIMARY KEY, tokens INTEGER)")
        return self._connection
