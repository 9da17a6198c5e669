"""The webhook: what is posted, signed, tried again, and given up."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from openwebui_usage import notices as notices_module
from openwebui_usage.groups import Sums
from openwebui_usage.ledger.recording import Change
from openwebui_usage.limits import NANO, Budget, Counter, Scope, period_at
from openwebui_usage.notices import SIGNATURE, Notifier, notices, signature

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "known to both"


class Receiver(ThreadingHTTPServer):
    """Answers with each of `statuses`, then with 204. Keeps what was posted with which signature."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.posts: list[tuple[int, bytes, str | None]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.posts.append((status, body, self.headers[SIGNATURE]))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def taken(self) -> list[dict[str, object]]:
        return [json.loads(body) for status, body, _ in self.posts if status < 300]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices_module, "WAITS", (0.01, 0.02, 0.04))


def change(before: int, after: int, budget: Budget | None = None, subject: str = "b1") -> Change:
    budget = budget or Budget("b1", "all", 100)
    counter = Counter(budget, subject, period_at(budget.period, budget.timezone, NOW))
    if budget.unit == "usd":
        return Change(counter, Sums(cost_nano=before), Sums(cost_nano=after))
    return Change(counter, Sums(input=before), Sums(input=after))


def told(receiver: Receiver, *changes: Change, secret: str | None = SECRET) -> None:
    notifier = Notifier(receiver.url, secret)
    notifier.start()
    notifier.changed(changes)
    end = time.monotonic() + 5
    while not notifier._queue.empty() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.2)
    notifier.stop()


def test_a_notice_says_who_used_how_much_of_what() -> None:
    budget = Budget(
        "b1", "each", 25 * NANO, unit="usd", scope=Scope("each_user"), period="month", timezone="Europe/Berlin"
    )
    (notice,) = notices(change(0, 20 * NANO, budget, "b1:ann"), NOW)
    assert notice == {
        "event": "soft_limit",
        "percent": 80,
        "name": "each",
        "scope": {"kind": "each_user", "id": None},
        "user_id": "ann",
        "unit": "usd",
        "limit": 25.0,
        "used": 20.0,
        "period": "month",
        "resets_at": "2026-11-30T23:00:00Z",
        "action": "block",
        "at": "2026-11-23T12:00:00Z",
    }


def test_each_mark_is_told_once_however_many_commits_there_are(receiver: Receiver) -> None:
    told(receiver, *(change(step, step + 1) for step in range(150)))
    assert [(notice["event"], notice["percent"]) for notice in receiver.taken()] == [
        ("soft_limit", 80),
        ("soft_limit", 95),
        ("limit", 100),
    ]


def test_what_is_posted_is_signed(receiver: Receiver) -> None:
    told(receiver, change(99, 100))
    [(_, body, sent)] = receiver.posts
    assert sent == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}" == signature(body, SECRET)


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    told(receiver, change(99, 100), secret=None)
    assert [sent for _, _, sent in receiver.posts] == [None]


@pytest.mark.parametrize("statuses", [[503], [500, 404], [302, 429, 401]])
def test_a_receiver_that_is_down_is_tried_again_with_the_same_notice(receiver: Receiver, statuses: list[int]) -> None:
    receiver.statuses = list(statuses)
    told(receiver, change(99, 100))
    assert [status for status, _, _ in receiver.posts] == [*statuses, 204]
    assert len({body for _, body, _ in receiver.posts}) == 1


def test_it_is_given_up_and_the_next_notice_is_posted(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.statuses = [503] * 4
    told(receiver, change(79, 80), change(99, 100))
    assert [notice["percent"] for notice in receiver.taken()] == [100]
    assert "a notice is lost" in caplog.text
    assert receiver.url not in caplog.text, "the address may hold a secret"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no address at all", "http://[", "ftp://127.0.0.1/"])
def test_no_address_whatever_ends_the_thread_or_delays_a_call(url: str) -> None:
    notifier = Notifier(url, SECRET)
    notifier.start()
    begun = time.monotonic()
    notifier.changed([change(0, 100)] * 100)
    assert time.monotonic() - begun < 0.5
    time.sleep(0.3)
    assert notifier._thread.is_alive()
    notifier.stop()
    assert not notifier._thread.is_alive()


def test_without_an_address_nothing_runs() -> None:
    notifier = Notifier(None, None)
    notifier.start()
    notifier.changed([change(0, 100)])
    notifier.stop()
    assert notifier._queue.empty()


def test_going_down_posts_what_is_queued(receiver: Receiver) -> None:
    notifier = Notifier(receiver.url, SECRET)
    notifier.changed([change(0, 100)])
    notifier.start()
    notifier.stop()
    assert len(receiver.taken()) == 3
