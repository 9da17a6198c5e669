"""Posts to the admin's webhook when a soft limit or a limit is crossed: once per mark and period.

Exactly one commit takes a sum over a mark, whichever worker makes it, so nobody has to remember what was posted. Each
post is tried again for about five minutes; then it is given up, with a line in the log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from openwebui_usage.ledger.recording import Change
from openwebui_usage.limits import crossed, instant, shown

log = logging.getLogger(__name__)

SIGNATURE = "X-Usage-Signature"
WAITS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Seconds between tries."""
_TIMEOUT = 10.0


class Notifier:
    """Posts from a thread of its own. Without a URL it does nothing."""

    def __init__(self, url: str | None, secret: str | None) -> None:
        """`secret` signs what is posted."""
        self._url = url
        self._secret = secret
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage-webhook", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        if self._url:
            self._thread.start()

    def stop(self) -> None:
        """Post what is queued, once each, and end."""
        if self._thread.is_alive():
            self._stopping.set()
            self._queue.put(None)
            self._thread.join(_TIMEOUT)

    def changed(self, changes: Iterable[Change]) -> None:
        """Sums changed: queue a notice for every mark that was crossed. From any thread."""
        if self._url:
            for change in changes:
                for notice in notices(change, datetime.now(UTC)):
                    self._queue.put(notice)

    def _run(self) -> None:
        with httpx.Client(timeout=_TIMEOUT) as client:
            while (notice := self._queue.get()) is not None:
                self._post(client, json.dumps(notice).encode())

    def _post(self, client: httpx.Client, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers[SIGNATURE] = signature(body, self._secret)
        for wait in (*WAITS, None):
            try:
                client.post(str(self._url), content=body, headers=headers).raise_for_status()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next notice is tried as well
                if wait is None or self._stopping.wait(wait):
                    # The address may hold a secret: it is not written down.
                    log.error("The webhook was not reached, a notice is lost: %s", type(error).__name__)
                    return


def notices(change: Change, now: datetime) -> Iterator[dict[str, Any]]:
    """What is posted for one counter: one notice for each mark that the change crossed."""
    budget, period = change.counter.budget, change.counter.period
    before, after = budget.used(change.before), budget.used(change.after)
    for mark in crossed(budget, before, after):
        _, _, user_id = change.counter.subject.partition(":")
        yield {
            "event": "limit" if mark == 100 else "soft_limit",
            "percent": mark,
            "name": budget.name,
            "scope": {"kind": budget.scope.kind, "id": budget.scope.id},
            "user_id": user_id or None,
            "unit": budget.unit,
            "limit": shown(budget.limit or 0, budget.unit),
            "used": shown(after, budget.unit),
            "period": budget.period,
            "resets_at": instant(period.ends_at),
            "action": budget.action,
            "at": instant(now),
        }


def signature(body: bytes, secret: str) -> str:
    """`sha256=` and the hex HMAC of the body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
