"""The token client's answers that need no server."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.app import Json, create_app
from openwebui_usage.client.page import SECURITY
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.ledger import Store
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings


class _Broken(Runtime):
    @property
    def is_running(self) -> bool:
        raise RuntimeError("the secret")


def test_a_fault_of_ours_is_guarded_as_every_answer_and_tells_nothing(tmp_path: Path) -> None:
    hasher = TokenHasher(b"secret")
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.db")
    accounts = Accounts(engine, hasher)
    provider = Provider(Upstream("o1", "http://127.0.0.1:1"), 1.0)
    app = create_app(_Broken(Store(engine), tmp_path, Settings()), accounts, hasher, provider, rate=0)
    answer = TestClient(app, raise_server_exceptions=False).get("/healthz")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong on the server; its log says what."}
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert answer.headers["cache-control"] == "no-store"


def test_half_a_surrogate_pair_is_answered_as_what_it_is() -> None:
    answer = Json({"content": "a\ud83d b 😀"})
    assert answer.body == '{"content":"a\ufffd b 😀"}'.encode()
