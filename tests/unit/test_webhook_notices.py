"""The webhook: what is posted, signed, tried again, and given up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from standardwebhooks import Webhook, WebhookVerificationError

from openwebui_usage import webhook as notices_module
from openwebui_usage.ledger import Store
from openwebui_usage.ledger import outbox as outbox_module
from openwebui_usage.ledger.recording import Change
from openwebui_usage.rules.budgets import Budget, Counter, Scope
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import period_at
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.webhook import Notifier, notices, signature
from tests.support.process import wait_until
from tests.support.recorder import call_row
from tests.support.tables import give_tables
from tests.support.webhook_receiver import Receiver

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "known to both"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(notices_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    store = Store(engine)
    give_tables(engine)
    yield store
    store.close()
    engine.dispose()


@contextmanager
def posting(store: Store, url: str | None, secret: str | None = SECRET) -> Iterator[Notifier]:
    """A process that posts what `store` puts into its outbox."""
    notifier = Notifier(store, url, secret)
    notifier.start()
    yield notifier
    notifier.stop()


def use(store: Store, tokens: int) -> None:
    """As much by one call."""
    store.record([call_row("m", usage=TokenUsage(input=tokens))])


def is_empty(store: Store) -> bool:
    return store.outbox.next_due() is None


def until_empty(store: Store) -> None:
    wait_until(lambda: is_empty(store), timeout=10, what="nothing waits any more")


def change(before: int, after: int, budget: Budget | None = None, subject: str = "b1") -> Change:
    budget = budget or Budget("b1", "all", 100)
    counter = Counter(budget, subject, period_at(budget.period, budget.timezone, NOW))
    if budget.unit == "usd":
        return Change(counter, Sums(cost_nano=before), Sums(cost_nano=after))
    return Change(counter, Sums(input=before), Sums(input=after))


def test_a_notice_says_who_used_how_much_of_what() -> None:
    budget = Budget(
        "b1", "each", 25 * NANO, unit="usd", scope=Scope("each_user"), period="month", timezone="Europe/Berlin"
    )
    (notice,) = notices(change(0, 20 * NANO, budget, "b1:ann"), NOW)
    assert notice == {
        "event": "soft_limit",
        "percent": 80,
        "limit_from": "budget",
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


MARKS = [("soft_limit", 80), ("soft_limit", 95), ("limit", 100)]


def test_each_mark_is_told_once_however_many_commits_there_are(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, receiver.url):
        for _ in range(150):
            use(store, 1)
        until_empty(store)
    assert [(notice["event"], notice["percent"]) for notice in receiver.taken()] == MARKS
    assert [notice["used"] for notice in receiver.taken()] == [80, 95, 100]


def test_a_commit_that_is_undone_tells_nothing(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, receiver.url):
        row = call_row("m", usage=TokenUsage(input=100))
        with pytest.raises(IntegrityError):
            store.record([row, row])
        use(store, 79)
    assert receiver.posts == []


def test_what_is_posted_is_signed(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    with posting(store, receiver.url):
        use(store, 100)
        until_empty(store)
    [(_, body, sent)] = receiver.posts
    assert sent == f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}" == signature(body, SECRET)


@pytest.mark.parametrize(
    "secret",
    ["known to both", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64", "pässword"],
    ids=["any text", "the standard's own form", "no base64", "no ASCII"],
)
def test_the_library_of_standard_webhooks_verifies_what_is_posted(
    store: Store, receiver: Receiver, secret: str
) -> None:
    receiver.statuses = [503]
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    with posting(store, receiver.url, secret=secret):
        use(store, 100)
        until_empty(store)
    standard = secret if secret == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" else base64.b64encode(secret.encode())
    verifier = Webhook(standard.decode() if isinstance(standard, bytes) else standard)
    for (_, body, _), headers in zip(receiver.posts, receiver.headers, strict=True):
        assert verifier.verify(body.decode(), headers)["id"] == headers["webhook-id"]
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body.decode() + " ", headers)
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body.decode(), {**headers, "webhook-timestamp": str(int(time.time()) - 3600)})
    assert len({headers["webhook-id"] for headers in receiver.headers}) == 1, "a receiver knows the second try"


def test_without_a_secret_nothing_is_signed(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    with posting(store, receiver.url, secret=None):
        use(store, 100)
        until_empty(store)
    assert [sent for _, _, sent in receiver.posts] == [None]
    assert "webhook-signature" not in receiver.headers[0]


@pytest.mark.parametrize("statuses", [[503], [500, 404], [302, 429, 401]])
def test_a_receiver_that_is_down_is_tried_again_with_the_same_notice(
    store: Store, receiver: Receiver, statuses: list[int]
) -> None:
    receiver.statuses = list(statuses)
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    with posting(store, receiver.url):
        use(store, 100)
        until_empty(store)
    assert [status for status, _, _ in receiver.posts] == [*statuses, 204]
    assert len({body for _, body, _ in receiver.posts}) == 1


def test_waits_grow(store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices_module, "LONGEST_WAIT", 100.0)
    monkeypatch.setattr(notices_module, "FIRST_WAIT", 8.0)
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    store.notices = notices
    use(store, 100)
    notifier, waits = Notifier(store, receiver.url, None), []
    for _ in range(6):
        waiting = store.outbox.claim(time.time() + 1000)
        assert waiting is not None
        before = time.time()
        notifier._failed(waiting, "away")
        waits.append(round((store.outbox.next_due() or 0) - before))
    assert waits == [8, 16, 32, 64, 100, 100]


def test_after_a_day_it_is_given_up_and_others_are_posted(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices_module, "GIVE_UP_SECONDS", 0.0)
    caplog.set_level("DEBUG")
    receiver.statuses = [503]
    store.create_group("all", ["*"], 100, "documented", soft_limits=(80,))
    with posting(store, receiver.url):
        use(store, 80)
        until_empty(store)
        use(store, 20)
        until_empty(store)
    assert [notice["percent"] for notice in receiver.taken()] == [100]
    assert "a notice is lost" in caplog.text
    assert receiver.url not in caplog.text, "the address may hold a secret"


def test_what_a_process_that_died_did_not_post_is_posted_by_the_next_one(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented")
    Notifier(store, receiver.url, SECRET)  # Never started: it died too soon.
    use(store, 100)
    assert not is_empty(store)
    with posting(Store(store._engine), receiver.url):
        until_empty(store)
    assert [(notice["event"], notice["percent"]) for notice in receiver.taken()] == MARKS
    assert len({notice["id"] for notice in receiver.taken()}) == 3


def test_what_died_with_its_notice_in_hand_is_posted_again_with_the_same_id(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "CLAIM_SECONDS", 0.5)
    store.create_group("all", ["*"], 100, "documented", soft_limits=())
    store.notices = notices
    use(store, 100)
    taken = store.outbox.claim(time.time())
    assert taken is not None
    assert store.outbox.claim(time.time()) is None, "it is nobody else's for a while"
    with posting(store, receiver.url):
        until_empty(store)
    assert [notice["id"] for notice in receiver.taken()] == [taken.id]


def test_many_processes_post_each_notice_once(store: Store, receiver: Receiver) -> None:
    for number in range(20):
        store.create_group(f"group {number}", ["*"], 100, "documented")
    with posting(store, receiver.url), posting(store, receiver.url), posting(store, receiver.url):
        use(store, 100)
        until_empty(store)
    assert len(receiver.taken()) == 60
    assert len({notice["id"] for notice in receiver.taken()}) == 60


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no address at all", "http://[", "ftp://127.0.0.1/"])
def test_no_address_whatever_ends_the_thread_or_keeps_a_row_from_the_ledger(store: Store, url: str) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, url) as notifier:
        use(store, 100)
        wait_until(lambda: (store.outbox.next_due() or 0) > time.time(), timeout=5, what="it was tried")
        assert notifier._thread.is_alive()
    assert not notifier._thread.is_alive()
    assert store.group("all").sums.calls == 1


def test_without_an_address_nothing_is_kept_and_nothing_runs(store: Store) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, None) as notifier:
        use(store, 100)
        assert not notifier._thread.is_alive()
    assert is_empty(store)


def test_while_the_ledger_is_away_the_thread_waits(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, receiver.url):
        with store._engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE usage_notice RENAME TO gone")
        time.sleep(0.2)
        with store._engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO usage_notice")
        use(store, 100)
        until_empty(store)
    assert len(receiver.taken()) == 3


def test_going_down_at_once_posts_what_is_due(store: Store, receiver: Receiver) -> None:
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, receiver.url):
        use(store, 100)  # The thread has hardly begun.
    assert len(receiver.taken()) == 3


def test_going_down_posts_what_is_due(store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices_module, "POLL_SECONDS", 60.0)
    store.create_group("all", ["*"], 100, "documented")
    with posting(store, receiver.url):
        time.sleep(0.2)  # It looked, and found nothing.
        use(store, 100)
    assert len(receiver.taken()) == 3
