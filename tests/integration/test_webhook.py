"""What an admin is told of, and what happens while the ledger is away, in a deployment that is set up for both."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider

SECRET = "known to both"
MESSAGES = [{"role": "user", "content": "Hello there"}]


class Receiver(ThreadingHTTPServer):
    """Answers with 503 while there are `failures` left, and does not answer at all while it is `blocked`."""

    def __init__(self) -> None:
        self.failures = 0
        self.answering = threading.Event()
        self.answering.set()
        self.tries = 0
        self.posts: list[tuple[bytes, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.tries += 1
                receiver.answering.wait(20)
                if receiver.failures:
                    receiver.failures -= 1
                    self.send_error(503)
                    return
                receiver.posts.append((body, self.headers["X-Usage-Signature"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def told(self, name: str) -> list[dict[str, Any]]:
        return [notice for body, _ in list(self.posts) if (notice := json.loads(body))["name"] == name]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(new_openwebui: Callable[..., OpenWebUI], receiver: Receiver) -> Iterator[OpenWebUI]:
    env = {
        "OPENWEBUI_USAGE_WEBHOOK_URL": f"http://127.0.0.1:{receiver.server_port}/hook?key=hidden",
        "OPENWEBUI_USAGE_WEBHOOK_SECRET": SECRET,
        "OPENWEBUI_USAGE_FAIL_CLOSED": "true",
    }
    server = new_openwebui(env=env)
    try:
        yield server.start()
    finally:
        server.discard()


@pytest.fixture
def admin(server: OpenWebUI, provider: Provider) -> Iterator[Client]:
    provider.behave("gpt-4o-mini", prompt=40, visible=10)
    yield server.admin
    server.admin.forget_definitions()


def chat(client: Client) -> httpx.Response:
    return client.post("/api/chat/completions", json={"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 10})


MARKS = [("soft_limit", 80), ("soft_limit", 95), ("limit", 100)]


def test_each_mark_is_told_once_signed_and_again_where_the_receiver_was_down(
    admin: Client, server: OpenWebUI, receiver: Receiver
) -> None:
    receiver.failures = 2
    admin.add_group("marked", ["gpt-4o-mini"], 100)
    assert [chat(admin).status_code for _ in range(3)] == [200, 200, 429]  # 50, then 100 of 100.
    wait_until(lambda: len(receiver.told("marked")) >= 3, timeout=20, what="three marks were told")
    for body, signature in receiver.posts:
        assert signature == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
    # One that was refused comes after those that were taken meanwhile.
    assert sorted((each["event"], each["percent"]) for each in receiver.told("marked")) == sorted(MARKS)
    assert {(each["used"], each["limit"], each["unit"]) for each in receiver.told("marked")} == {(100, 100, "tokens")}
    assert "hidden" not in server.log_text()

    # After a restart the limit stands, and what was told is not told again.
    server.restart()
    assert chat(server.admin).status_code == 429
    assert len(receiver.told("marked")) == 3


def test_the_budget_of_each_user_is_told_for_each(admin: Client, receiver: Receiver) -> None:
    form = {"name": "each", "scope": {"kind": "each_user"}, "unit": "requests", "limit": 2, "period": "day"}
    admin.request("POST", "/api/usage/budgets", {**form, "soft_limits": [50]})
    users = [admin.add_user(), admin.add_user()]
    for user in (users[0], users[1], users[0]):
        assert chat(user).status_code == 200
    wait_until(lambda: len(receiver.told("each")) == 3, timeout=20, what="all were told")
    assert sorted((each["user_id"], each["percent"]) for each in receiver.told("each")) == sorted(
        [(users[0].id, 50), (users[1].id, 50), (users[0].id, 100)]
    )
    assert all(each["resets_at"].endswith("Z") for each in receiver.told("each"))


def test_a_receiver_that_hangs_delays_no_call(admin: Client, receiver: Receiver) -> None:
    admin.add_group("hanging", ["gpt-4o-mini"], 50)
    receiver.answering.clear()
    try:
        before = receiver.tries
        assert chat(admin).status_code == 200
        wait_until(lambda: receiver.tries > before, timeout=5, what="the receiver is asked")
        answers = [chat(admin) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {429}
        assert max(answer.elapsed.total_seconds() for answer in answers) < 2
    finally:
        receiver.answering.set()
    wait_until(lambda: len(receiver.told("hanging")) == 3, timeout=20, what="all were told")


def test_what_was_not_posted_survives_the_death_of_the_process(
    admin: Client, server: OpenWebUI, receiver: Receiver
) -> None:
    admin.add_group("survives", ["gpt-4o-mini"], 50)
    tries, receiver.failures = receiver.tries, 10**6
    try:
        assert chat(admin).status_code == 200
        wait_until(lambda: receiver.tries >= tries + 3, timeout=10, what="each was tried, and refused")
        server.kill9()
    finally:
        receiver.failures = 0
    assert receiver.told("survives") == []
    server.start()
    wait_until(lambda: len(receiver.told("survives")) == 3, timeout=30, what="all were told")
    assert sorted((each["event"], each["percent"]) for each in receiver.told("survives")) == sorted(MARKS)
    assert len({each["id"] for each in receiver.told("survives")}) == 3


def test_the_page_is_told_as_well(admin: Client) -> None:
    admin.add_group("shown", ["gpt-4o-mini"], 50)
    with admin.ui() as ui:
        assert chat(admin).status_code == 200

        def remaining() -> list[int]:
            groups = [event["groups"].get("shown") for event in list(ui.usage)]
            return [group["remaining"] for group in groups if group]

        wait_until(lambda: 0 in remaining(), timeout=5, what="the page knows that nothing is left")


def test_while_the_ledger_is_away_nothing_is_sent_that_is_not_checked(
    admin: Client, server: OpenWebUI, provider: Provider
) -> None:
    admin.add_group("unknown", ["gpt-4o-mini"], 10**6)

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(server.ledger_file, timeout=20)) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("usage_total", "usage_total_away")
    try:
        for path in ("/api/chat/completions", "/openai/chat/completions"):
            answer = admin.post(path, json={"model": "gpt-4o-mini", "messages": MESSAGES})
            assert answer.status_code == 503, answer.text
            assert "cannot be checked" in answer.text
        assert provider.calls() == []
    finally:
        rename("usage_total_away", "usage_total")
    wait_until(lambda: chat(admin).status_code == 200, timeout=5, what="calls go on", every=0.2)
