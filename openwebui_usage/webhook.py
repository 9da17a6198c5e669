"""Posts to the admin's webhook when a soft limit or a limit is crossed: once per mark and period. Scheduled reports
are posted in the same way.

Exactly one commit takes a sum over a mark, whichever worker makes it, and the notice is written in that transaction
(see `ledger.outbox`). It is posted until the receiver has taken it, for a day, by whichever process lives: at least
once, with an `id` by which a receiver knows one that it had before.

Requests carry the headers of https://www.standardwebhooks.com (`webhook-id`, `webhook-timestamp`, `webhook-signature`),
so that any of its libraries verifies them, replays included; and beside them the older `X-Usage-Signature` of the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.ledger.outbox import PendingNotice
from openwebui_usage.ledger.recording import Change
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.store import Store
from openwebui_usage.rules.budgets import crossed
from openwebui_usage.rules.json_values import iso_utc, to_json_amount

log = logging.getLogger(__name__)

SIGNATURE = "X-Usage-Signature"
FIRST_WAIT, LONGEST_WAIT = 1.0, 600.0
"""Seconds between tries: each wait is twice the one before."""
GIVE_UP_SECONDS = 86_400.0
POLL_SECONDS = 5.0
"""How often the outbox is looked at when nobody says that something is in it."""
_TIMEOUT = 10.0
_THREAD = "usage-webhook"
_MOST_SHOWN = 500
"""Characters of a receiver's answer to a test."""

_is_posting = ContextVar("is_posting", default=False)


@dataclass(frozen=True, slots=True)
class TestAnswer:
    """What a receiver said to a test."""

    status: int | None
    """The HTTP status; None where there was no answer."""
    text: str
    """How its body begins."""
    error: str | None
    """Why there was no answer."""
    seconds: float


class NoWebhook(Exception):
    """There is no address to post to."""


class Notifier:
    """Posts what waits in the outbox, from a thread of its own. Without a URL it does nothing."""

    def __init__(self, store: Store, url: str | None, secret: str | None) -> None:
        """From now on `store` writes notices, where there is a `url`. `secret` signs what is posted."""
        if url:
            store.notices = notices
        self._outbox = store.outbox
        self._deliveries = store.deliveries
        self._url = url
        self._secret = secret
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)

    @property
    def address(self) -> str | None:
        """Where notices go, without what may be a secret: paths and queries often are."""
        return _without_secrets(self._url) if self._url else None

    @property
    def is_signed(self) -> bool:
        """Whether a receiver can check who posts."""
        return bool(self._secret)

    def test(self) -> TestAnswer:
        """Post a test, once, as notices are posted. Blocks until there is an answer. Raises `NoWebhook`."""
        if not self._url:
            raise NoWebhook
        id_, now = new_id(), time.time()
        notice = {
            "id": id_,
            "event": "test",
            "text": "This is a test of the usage webhook.",
            "at": iso_utc(datetime.fromtimestamp(int(now), UTC)),
        }
        waiting = PendingNotice(id_, json.dumps(notice), now, 1)
        started = time.monotonic()
        status, text, error = None, "", None
        with _posting(), httpx.Client(timeout=_TIMEOUT) as client:
            try:
                with client.stream("POST", self._url, **self._request(waiting)) as response:
                    status = response.status_code
                    text = _beginning(response)
            except Exception as failed:  # noqa: BLE001 - whatever it is, the admin is told
                error = None if status else type(failed).__name__
        self._keep(Delivery(id_, "test", None, time.time(), 1, status, error))
        return TestAnswer(status, text, error, time.monotonic() - started)

    def start(self) -> None:
        """Begin to post, with what an earlier process left."""
        if self._url:
            logging.getLogger("httpx").addFilter(_is_not_ours)
            self._thread.start()

    def stop(self) -> None:
        """Post what is due, once each, and end. What was not taken waits for the next process."""
        if self._thread.is_alive():
            self._stopping.set()
            self._woken.set()
            self._thread.join(_TIMEOUT)
            logging.getLogger("httpx").removeFilter(_is_not_ours)

    def wake(self) -> None:
        """Something was put into the outbox. From any thread."""
        self._woken.set()

    def _run(self) -> None:
        with _posting(), httpx.Client(timeout=_TIMEOUT) as client:
            is_last = False
            while not is_last:
                if not self._stopping.is_set():
                    self._woken.wait(self._pause())
                is_last = self._stopping.is_set()  # Also where it was told to end before it began.
                self._woken.clear()
                try:
                    while (waiting := self._outbox.claim(time.time())) is not None:
                        self._post(client, waiting)
                except Exception as error:  # noqa: BLE001 - the database is away: what waits in it waits on
                    log.debug("The outbox cannot be read: %s", error)

    def _pause(self) -> float:
        """Seconds until something is due. Other workers' notices are looked for as well: they may have died."""
        try:
            due = self._outbox.next_due()
        except Exception:  # noqa: BLE001 - as above
            return POLL_SECONDS
        return POLL_SECONDS if due is None else min(POLL_SECONDS, max(0.0, due - time.time()))

    def _post(self, client: httpx.Client, waiting: PendingNotice) -> None:
        status, error = None, None
        try:
            answer = client.post(str(self._url), **self._request(waiting))
            status = answer.status_code
            answer.raise_for_status()
        except Exception as failed:  # noqa: BLE001 - whatever it is, the next notice is tried as well
            error = type(failed).__name__
            self._failed(waiting, error)
        else:
            self._outbox.done(waiting)
        event, about = _told(waiting)
        self._keep(Delivery(waiting.id, event, about, time.time(), waiting.tries, status, None if status else error))

    def _request(self, waiting: PendingNotice) -> dict[str, Any]:
        """The content of one try, and its headers."""
        body = waiting.body.encode()
        headers = {
            "Content-Type": waiting.content_type,
            **signed_headers(waiting.id, int(time.time()), body, self._secret),
        }
        if waiting.filename is not None:
            headers["Content-Disposition"] = f'attachment; filename="{waiting.filename}"'
        return {"content": body, "headers": headers}

    def _keep(self, delivery: Delivery) -> None:
        try:
            self._deliveries.add(delivery)
        except Exception as error:  # noqa: BLE001 - only admins who look at it miss it
            log.debug("What was posted cannot be kept: %s", error)

    def _failed(self, waiting: PendingNotice, why: str) -> None:
        # The address may hold a secret: it is not written down.
        now = time.time()
        if now - waiting.created_at > GIVE_UP_SECONDS:
            log.error("The webhook was not reached for a day, a notice is lost: %s", why)
            self._outbox.done(waiting)
            return
        if waiting.tries == 1:
            log.warning("The webhook was not reached, a notice is tried again later: %s", why)
        self._outbox.later(waiting, now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(waiting.tries - 1, 30)))


def _is_not_ours(record: logging.LogRecord) -> bool:
    """httpx writes the address of each request into the log, and ours may hold a secret."""
    return not _is_posting.get()


@contextmanager
def _posting() -> Iterator[None]:
    """While this thread posts, `_is_not_ours` says so."""
    token = _is_posting.set(True)
    try:
        yield
    finally:
        _is_posting.reset(token)


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "…"
    has_more = parts.path.strip("/") or parts.query or parts.username
    return f"{parts.scheme}://{host}{port}{'/…' if has_more else ''}"


def _beginning(response: httpx.Response) -> str:
    """Of the body, however long it is."""
    found = b""
    for piece in response.iter_bytes():
        found += piece
        if len(found) >= 4 * _MOST_SHOWN:
            break
    return found.decode(errors="replace")[:_MOST_SHOWN]


def _told(waiting: PendingNotice) -> tuple[str, str | None]:
    """The event of a notice, and the name of what it tells of."""
    if waiting.filename is not None:
        return "report", waiting.filename
    try:
        notice = json.loads(waiting.body)
        return str(notice["event"])[:32], str(notice["name"])
    except (ValueError, LookupError, TypeError):
        return "notice", None


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
            "limit": to_json_amount(budget.limit or 0, budget.unit),
            "limit_from": "budget" if budget.override is None else budget.override.kind,
            "used": to_json_amount(after, budget.unit),
            "period": budget.period,
            "resets_at": iso_utc(period.ends_at),
            "action": budget.action,
            "at": iso_utc(now),
        }


def signed_headers(id_: str, timestamp: int, body: bytes, secret: str | None) -> dict[str, str]:
    """The headers of one try. `timestamp` is seconds since the epoch; without a secret nothing is signed."""
    headers = {"webhook-id": id_, "webhook-timestamp": str(timestamp)}
    if secret:
        signed = b".".join((id_.encode(), str(timestamp).encode(), body))
        digest = hmac.digest(_signing_key(secret), signed, hashlib.sha256)
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
        headers[SIGNATURE] = signature(body, secret)
    return headers


def _signing_key(secret: str) -> bytes:
    """Standard Webhooks writes a key as `whsec_` and base64; any other secret is taken as it is."""
    encoded = secret.removeprefix("whsec_")
    if encoded == secret:
        return secret.encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return secret.encode()


def signature(body: bytes, secret: str) -> str:
    """`sha256=` and the hex HMAC of the body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
