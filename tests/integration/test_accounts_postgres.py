"""Accounts on PostgreSQL, and in a schema of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect, text

from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.ledger import Store
from openwebui_usage.rules.money import NANO
from tests.support.recorder import engine_like_open_webui
from tests.support.services import Postgres
from tests.unit.test_accounts import SECRET, TestAccounts, accounts, spend, store  # noqa: F401 - collected here


@pytest.fixture
def engine(postgres: Postgres) -> Iterator[Engine]:
    engine = engine_like_open_webui(postgres.new_database())
    yield engine
    engine.dispose()


def test_a_schema_of_its_own(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA elsewhere"))
    ledger, people = Store(engine, "elsewhere"), Accounts(engine, TokenHasher(SECRET), "elsewhere")
    ledger.migrate()
    status, token = people.create("Ann", NANO)
    spend(ledger, status.account.user_id)
    ledger.close()
    assert people.find(token) == status.account
    people.used(status.account.id, "192.0.2.1")
    people.add_limit(status.account.id, NANO)
    people.reset_requests(status.account.id)
    (now,) = people.all()
    assert (now.limit_nano, now.requests, now.tokens) == (2 * NANO, 0, 110)
    people.delete(status.account.id)
    assert people.all() == []
    assert inspect(engine).get_table_names("public") == []
