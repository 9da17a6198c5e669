"""Admins see where notices go and how that went, and post a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import Notifier
from tests.support.clients import Client
from tests.support.process import wait_until
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables
from tests.support.webhook_receiver import Receiver

SECRET = "whsec_c2VjcmV0IG9mIGJvdGg="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def test_an_address_is_told_without_what_may_be_secret(router: Router, admin: Client) -> None:
    assert admin.request("GET", "/api/usage/webhook") == {
        "address": "http://127.0.0.1:9/…",
        "signed": True,
        "waiting": 0,
        "deliveries": [],
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/T0/secret", "https://hooks.example.com/…"),
        ("https://me:secret@[::1]:8443/?token=secret", "https://[::1]:8443/…"),
        ("http://host:99999/secret", "…"),
    ],
)
def test_no_secret_of_an_address_is_shown(router: Router, url: str, shown: str) -> None:
    assert Notifier(router.store, url, None).address == shown


def test_a_receiver_that_is_away_is_told(admin: Client) -> None:
    answer = admin.request("POST", "/api/usage/webhook/test")
    assert (answer["taken"], answer["answer"], answer["error"]) == (False, None, "ConnectError")
    (kept, *_) = admin.request("GET", "/api/usage/webhook")["deliveries"]
    assert (kept["event"], kept["about"], kept["status"], kept["error"]) == ("test", None, None, "ConnectError")


def test_a_test_is_signed_and_the_answer_is_told(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    router = Router(tmp_path, webhook=(f"{receiver.url}?token=hidden", SECRET))
    give_tables(router.engine)
    receiver.statuses, receiver.says = [410], "Gone since " + "x" * 2_000
    with caplog.at_level(logging.INFO), router.client("admin") as admin:
        router.notifier.start()
        answer = admin.request("POST", "/api/usage/webhook/test")
    router.notifier.stop()
    assert (answer["taken"], answer["answer"], answer["error"]) == (False, 410, None)
    assert (len(answer["text"]), answer["text"][:10]) == (500, "Gone since")
    assert "hidden" not in caplog.text
    ((_, body, _),) = receiver.posts
    assert Webhook(SECRET).verify(body.decode(), receiver.headers[0])["event"] == "test"
    router.engine.dispose()


def test_each_try_is_kept_with_what_it_tells_of(tmp_path: Path, receiver: Receiver) -> None:
    router = Router(tmp_path, webhook=(receiver.url, None))
    give_tables(router.engine)
    router.store.create_group("GPT", ["gpt-4o"], 100, "documented")
    receiver.statuses = [500]
    router.notifier.start()
    router.store.record([call_row("gpt-4o", usage=TokenUsage(input=85))])
    router.notifier.wake()
    with router.client("admin") as admin:
        wait_until(lambda: len(receiver.taken()) == 1, timeout=10, what="the second try")
        wait_until(
            lambda: len(admin.request("GET", "/api/usage/webhook")["deliveries"]) == 2, timeout=5, what="both are kept"
        )
        last, first = admin.request("GET", "/api/usage/webhook")["deliveries"]
    router.notifier.stop()
    assert [(each["status"], each["tries"], each["error"]) for each in (first, last)] == [
        (500, 1, None),
        (204, 2, None),
    ]
    assert {(each["event"], each["about"], each["id"]) for each in (first, last)} == {
        ("soft_limit", "GPT", receiver.taken()[0]["id"])
    }
    router.engine.dispose()


def test_the_latest_fifty_are_kept(router: Router, admin: Client) -> None:
    for number in range(55):
        router.store.deliveries.add(Delivery(str(number), "test", None, 1.0, 1, 204, None))
    kept = [each["id"] for each in admin.request("GET", "/api/usage/webhook")["deliveries"]]
    assert kept == [str(number) for number in range(54, 4, -1)]


def test_there_may_be_no_webhook(tmp_path: Path) -> None:
    router = Router(tmp_path, webhook=(None, None))
    give_tables(router.engine)
    with router.client("admin") as admin:
        assert admin.request("GET", "/api/usage/webhook")["address"] is None
        answer = admin.post("/api/usage/webhook/test")
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (409, "No webhook is set")
    router.engine.dispose()
