"""Refusals of a real Open WebUI, each counted once, wherever it comes in; and the same sums on PostgreSQL."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from openwebui_usage.ledger import CallInfo, Store
from openwebui_usage.ledger.refusal_report import RefusalQuery
from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.rules.buckets import time_range
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.tokens import TokenUsage
from tests.integration.test_limits_live import MESSAGES, PATHS
from tests.support.clients import Client
from tests.support.process import wait_until
from tests.support.recorder import call_row, engine_like_open_webui
from tests.support.services import Postgres

GROUP = "refuses everything"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    yield
    admin.forget_definitions()


def test_each_refused_call_is_counted_once_wherever_it_comes_in(admin: Client, user: Client) -> None:
    admin.models()
    admin.add_group(GROUP, ["*"], 0)
    expected: Counter[str] = Counter()
    for path, body in PATHS.values():
        assert admin.post(path, json=body).status_code == 429, path
        expected[body["model"]] += 1
    # The page is told by the answer to the call itself, which is refused at the provider's door.
    page = {"model": "gpt-4o", "messages": MESSAGES, "session_id": "mine", "stream": True}
    admin.post("/api/chat/completions", json=page)
    expected["gpt-4o"] += 1

    def ours(**filters: str) -> list[dict[str, Any]]:
        """Other tests of the same Open WebUI have calls refused, too."""
        refusals = admin.request("GET", "/api/usage/refusals", limit=1000, **filters)["refusals"]
        return [each for each in refusals if each["limit"]["name"] == GROUP]

    def found() -> Counter[str]:
        refusals = ours()
        assert {each["user"]["id"] for each in refusals} <= {admin.id}
        return Counter({each["model"]: each["calls"] for each in refusals})

    wait_until(lambda: found().total() >= expected.total(), timeout=5, what="the refusals are written")
    time.sleep(1.5)
    assert found() == expected
    for each in ours(model="gpt-4o"):
        assert (each["limit"]["kind"], each["unit"]) == ("group", "tokens")
        assert each["amount"] > 10, "a prompt, and what a model usually answers"
        assert each["user"]["name"]
    assert user.get("/api/usage/refusals").status_code == 403


@pytest.mark.parametrize("schema", [None, "elsewhere"])
def test_the_same_on_postgresql(postgres: Postgres, schema: str | None) -> None:
    engine = engine_like_open_webui(postgres.new_database())
    if schema:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    stores = [Store(engine, schema) for _ in range(2)]
    stores[0].migrate()
    budget = stores[0].create_budget(Budget("", "each", 50, scope=Scope("each_user")))
    pending = PendingRefusals()
    for store in (*stores, *stores):
        pending.note(CallInfo("gpt-4o", "gpt-4o", "ann", "Ann"), (), budget, 7)
        pending.write(store.add_refusals)
    month = time_range(None, None, "Europe/Berlin", datetime.now(UTC))
    query = RefusalQuery(month, {"model": ("gpt*",), "user": ("Ann",)})
    [found] = stores[0].refused_calls.find(query, stores[0].definitions())
    assert (found.user, found.limit_name, found.calls, found.amount) == (("ann", "Ann"), "each", 4, 28)

    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    moments = [(noon - timedelta(days=days)).timestamp() for days in range(10, 0, -1)]
    usage, groups = TokenUsage(input=10), ("staff",)
    stores[0].record(
        [call_row(user_id="ann", started_at=moment, usage=usage, user_groups=groups) for moment in moments]
    )
    [forecast] = stores[0].forecasts.of_all(stores[0].definitions(), datetime.now(UTC))
    assert (forecast.used, forecast.forecast.pace) == (100, 10)
    of_group = Budget("", "preview", 50, scope=Scope("each_user_of_group", "staff"))
    preview = stores[0].preview_budget(of_group, moments[0], moments[-1] + 1)
    assert (preview.calls, preview.amount, preview.refused[0].first_at) == (5, 50, moments[5])
    engine.dispose()
