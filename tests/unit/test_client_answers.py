"""What the token client answers is what it documents. The demo provider answers the questions."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.app import create_app
from openwebui_usage.client.requests import MAX_BODY
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.demo.answers import REASONER
from openwebui_usage.ledger import Store
from openwebui_usage.rules.money import NANO
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from tests.support.documented import Documented
from tests.support.tables import give_tables

HELLO = [{"role": "user", "content": "Hello"}]
DEMO, NOBODY = Upstream(REASONER), Upstream("o1", "http://127.0.0.1:1")


@dataclass
class Served:
    """A client, and tokens by what becomes of them."""

    http: TestClient
    documented: Documented
    tokens: dict[str, str]

    def chat(self, who: str = "good", **body: Any) -> Any:
        return self.http.post("/chat", json={"messages": HELLO, "token": self.tokens[who], **body})


@contextlib.contextmanager
def serve(folder: Path, upstream: Upstream, *, runs: bool = True) -> Iterator[Served]:
    engine, hasher = create_engine(f"sqlite:///{folder}/ledger.db"), TokenHasher(b"secret")
    store = Store(engine)
    give_tables(engine)
    runtime, accounts, provider = Runtime(store, folder, Settings()), Accounts(engine, hasher), Provider(upstream, 30)
    tokens = {"bad": "sk-bad"}
    for name, limit in (("good", 1000), ("spent", 0), ("shut out", 1000)):
        status, tokens[name] = accounts.create(name, limit * NANO)
        if name == "shut out":
            accounts.toggle(status.account.id)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runtime if runs else contextlib.nullcontext():
            await provider.start()
            yield
            await provider.stop()

    app = create_app(runtime, accounts, hasher, provider, rate=0, lifespan=lifespan)
    documented = Documented(app.routes)
    with TestClient(app) as http:
        http.event_hooks = {"response": [documented.check]}
        yield Served(http, documented, tokens)
    engine.dispose()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("client"), DEMO) as served:
        yield served


def test_an_answer_has_the_documented_fields(served: Served) -> None:
    answer = served.chat()
    assert answer.status_code == 200
    body = answer.json()
    assert body["content"]
    assert body["total_tokens"] == sum(body[f"{part}_tokens"] for part in ("prompt", "reasoning", "completion"))


def test_each_event_of_a_stream_is_documented(served: Served) -> None:
    answer = served.chat(stream=True)
    operation = served.documented.openapi["paths"]["/chat"]["post"]
    events = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]
    told = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    assert {event["type"] for event in told} == {"thinking", "content", "done"}
    for event in told:
        assert served.documented.complaints(events, event) == []
        del event["type"]
        assert served.documented.complaints(events, event)


def test_who_used_what_is_told_by_header_and_by_path(served: Served) -> None:
    served.chat()
    token = served.tokens["good"]
    answers = [
        served.http.get("/user/stats", headers={"Authorization": f"Bearer {token}"}),
        served.http.get(f"/user/stats/{token}"),
    ]
    assert [answer.json()["name"] for answer in answers] == ["good", "good"]
    assert answers[0].json()["total_tokens"] > 0


def test_who_answers_is_told(served: Served) -> None:
    assert served.http.get("/about").json() == {"model": REASONER, "demo": True, "reasons": True, "priced": False}
    assert served.http.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("status", "who", "body"),
    [
        (400, "good", b"{"),
        (401, "bad", {"messages": HELLO}),
        (403, "shut out", {"messages": HELLO}),
        (413, "good", b"x" * (MAX_BODY + 1)),
        (422, "good", {"messages": []}),
        (429, "spent", {"messages": HELLO}),
    ],
)
def test_why_there_is_no_answer_is_told(served: Served, status: int, who: str, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {served.tokens[who]}"}
    answer = served.http.post("/chat", content=content, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_a_provider_that_fails_and_a_ledger_that_is_away_are_told(tmp_path: Path) -> None:
    with serve(tmp_path, NOBODY) as served:
        assert served.chat().status_code == 502
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other", DEMO, runs=False) as served:
        assert served.chat().status_code == 503
        assert served.http.get("/healthz").status_code == 503
