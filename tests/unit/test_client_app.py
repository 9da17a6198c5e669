"""The token client's answers that need no server."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from openwebui_usage.client.accounts import Accounts, TokenHasher
from openwebui_usage.client.app import create_app
from openwebui_usage.client.chat import Ledger
from openwebui_usage.client.page import SECURITY
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.meter import Meter


def test_a_fault_of_ours_is_guarded_as_every_answer_and_tells_nothing(tmp_path: Path) -> None:
    def broken() -> Meter:
        raise RuntimeError("the secret")

    hasher = TokenHasher(b"secret")
    accounts = Accounts(create_engine(f"sqlite:///{tmp_path}/ledger.db"), hasher)
    provider = Provider(Upstream("o1", "http://127.0.0.1:1"), 1.0)
    app = create_app(Ledger(accounts, broken, lambda: None), hasher, provider, rate=0)
    answer = TestClient(app, raise_server_exceptions=False).get("/healthz")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong on the server; its log says what."}
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert answer.headers["cache-control"] == "no-store"
