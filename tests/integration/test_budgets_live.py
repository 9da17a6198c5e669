"""What can be said with a budget holds in a real Open WebUI: windows, exceptions, roles, credit, remainders."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from openwebui_usage.cli import app
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.rules.periods import period_at, rolling_slots
from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider

MESSAGES = [{"role": "user", "content": "Hello there"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}]}]
BUDGETS = "/api/usage/budgets"
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"live budget {next(_numbers)}"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    admin.models()  # Open WebUI knows no model before somebody asks for them.
    yield
    admin.forget_definitions()


def chat(client: Client, model: str = "gpt-4o-mini", **body: Any) -> httpx.Response:
    return client.post("/api/chat/completions", json={"model": model, "messages": MESSAGES, **body})


def statuses(*clients: Client) -> list[int]:
    return [chat(client).status_code for client in clients]


def budget(admin: Client, name: str, **fields: Any) -> dict[str, Any]:
    form = {"name": name, "unit": "requests", "limit": 1, "scope": {"kind": "each_user"}, **fields}
    made: dict[str, Any] = admin.request("POST", BUDGETS, form)["budget"]
    return made


def own(client: Client, name: str) -> dict[str, Any]:
    [found] = [each for each in client.request("GET", "/api/usage/me")["budgets"] if each["name"] == name]
    return dict(found)


@pytest.fixture
def in_group(admin: Client) -> Callable[..., str]:
    """Makes a user group of Open WebUI with some members, and returns its id."""

    def make(name: str, *members: Client) -> str:
        group = admin.request("POST", "/api/v1/groups/create", {"name": name, "description": ""})
        ids = {"user_ids": [member.id for member in members]}
        admin.request("POST", f"/api/v1/groups/id/{group['id']}/users/add", ids)
        return str(group["id"])

    return make


@pytest.mark.parametrize(
    "period",
    ["hour", "day", "week", "month", "quarter", "year", "14 days from 2026-11-02", "last 5 hours", "last 30 days"],
)
def test_a_limit_holds_for_its_window_and_says_until_when(admin: Client, user: Client, name: str, period: str) -> None:
    zone = "Europe/Berlin"
    budget(admin, name, period=period, timezone=zone)
    before = datetime.now(UTC)
    assert statuses(user) == [200]
    refused = chat(user)
    assert refused.status_code == 429
    mine, now = own(user, name), datetime.now(UTC)
    assert (mine["used"], mine["remaining"], mine["period"]) == (1, 0, period)
    ends_at = datetime.fromisoformat(mine["resets_at"])
    slots = rolling_slots(period)
    if slots is None:
        assert ends_at in {period_at(period, zone, before).ends_at, period_at(period, zone, now).ends_at}
    else:  # When the quarter of an hour of the call has left it.
        length = timedelta(minutes=15 * slots)
        assert before + length - timedelta(minutes=15) <= ends_at <= now + length + timedelta(minutes=15)
    seconds = int(refused.headers["retry-after"])
    assert (ends_at - now).total_seconds() <= seconds <= (ends_at - before).total_seconds() + 2


def test_a_role_shares_a_budget_or_each_of_it_has_one(admin: Client, user: Client, name: str) -> None:
    other = admin.add_user()
    budget(admin, name, scope={"kind": "role", "id": "user"})
    assert statuses(user, user, other, admin) == [200, 429, 429, 200]
    admin.request("PUT", f"{BUDGETS}/{name}", {"scope": {"kind": "each_user_of_role", "id": "user"}})
    assert statuses(user, user, other, other, admin) == [200, 429, 200, 429, 200]


@pytest.mark.parametrize(("several", "limit"), [("highest", 3), ("lowest", 2)])
def test_of_several_groups_the_limit_holds_that_the_admin_says(
    admin: Client, user: Client, in_group: Callable[..., str], name: str, several: str, limit: int
) -> None:
    overrides = [{"user_group": in_group(f"{name} {number}", user), "limit": number} for number in (2, 3)]
    budget(admin, name, overrides=[*overrides, {"role": "admin", "limit": None}], several_groups=several)
    assert statuses(*[user] * 4) == [200] * limit + [429] * (4 - limit)
    assert (own(user, name)["limit"], own(user, name)["limit_from"]) == (limit, "user_group")
    assert statuses(admin, admin) == [200, 200]
    admin.request("PUT", f"{BUDGETS}/{name}", {"overrides": [*overrides, {"user": user.id, "limit": 4}]})
    assert own(user, name)["limit_from"] == "user"
    assert statuses(*[user] * 4) == [200] * (4 - limit) + [429] * limit


@contextmanager
def ledger_of(server: OpenWebUI) -> Iterator[sqlite3.Connection]:
    """To write what only time brings about."""
    with closing(sqlite3.connect(server.ledger_file, timeout=10)) as connection, connection:
        yield connection


class TestCredit:
    def test_is_for_whom_it_was_given_until_it_is_taken_back(
        self, admin: Client, user: Client, in_group: Callable[..., str], name: str
    ) -> None:
        member, beside = admin.add_user(), admin.add_user()
        budget(admin, name)
        path = f"{BUDGETS}/{name}/credits"
        for whom in ({"user": user.id}, {"user_group": in_group(name, member)}):
            admin.request("POST", path, {**whom, "amount": 1, "note": "more"})
        for client, allowed in ((user, 2), (member, 2), (beside, 1)):
            assert statuses(*[client] * 3) == [200] * allowed + [429] * (3 - allowed)
        credits_ = admin.request("GET", path)["credits"]
        assert [(each["user"], each["amount"], each["note"]) for each in credits_] == [
            (None, 1, "more"),
            (user.id, 1, "more"),
        ]
        admin.request("POST", path, {"user": user.id, "amount": 5})
        assert statuses(user) == [200]
        admin.request("DELETE", f"{path}/{admin.request('GET', path)['credits'][0]['id']}")
        assert statuses(user) == [429]

    def test_ends_when_it_was_said(self, openwebui: OpenWebUI, admin: Client, user: Client, name: str) -> None:
        budget(admin, name, period="month")
        ends_at = datetime.now(UTC) + timedelta(days=1)
        form = {"user": user.id, "amount": 50, "expires_at": ends_at.isoformat()}
        admin.request("POST", f"{BUDGETS}/{name}/credits", form)
        assert statuses(user, user) == [200, 200]
        assert own(user, name)["limit"] == 51
        with ledger_of(openwebui) as connection:  # As if the day were over.
            connection.execute("UPDATE usage_credit SET expires_at = ? WHERE budget = ?", [time.time(), name])
        admin.request("PUT", f"{BUDGETS}/{name}", {"soft_limits": [50]})
        assert statuses(user) == [429]
        [credit] = admin.request("GET", f"{BUDGETS}/{name}/credits")["credits"]
        assert credit["active"] is False

    def test_is_added_to_by_what_was_left(self, openwebui: OpenWebUI, admin: Client, user: Client, name: str) -> None:
        budget(admin, name, limit=3, period="month", carry_over="all")
        last = period_at("month", "UTC", datetime.now(UTC).replace(day=1) - timedelta(days=1))
        with ledger_of(openwebui) as connection:
            [id_] = connection.execute("SELECT id FROM usage_budget WHERE name = ?", [name]).fetchone()
            places = ", ".join("?" * (2 + len(SUMS)))
            values = [f"{id_}:{user.id}", last.key, 1, *[0] * (len(SUMS) - 1)]
            connection.execute(
                f"INSERT INTO usage_total (subject, period, {', '.join(SUMS)}) VALUES ({places})", values
            )
        for carry_over, limit in ((1, 4), ("all", 5)):
            admin.request("PUT", f"{BUDGETS}/{name}", {"carry_over": carry_over})
            assert own(user, name)["limit"] == limit
        assert statuses(*[user] * 6) == [200] * 5 + [429]


class TestAtTheLimit:
    def test_the_page_says_which_model_answered_and_that_is_no_refusal(
        self, admin: Client, user: Client, provider: Provider, name: str
    ) -> None:
        budget(admin, name, limit=0, models=["gpt-4o-mini"], action="fallback", fallback_model="gpt-4o")
        with user.ui() as ui:
            turn = ui.ask("gpt-4o-mini").wait()
            wait_until(lambda: "status" in turn.types(), timeout=10, what="the status line is there")
        lines = [event["data"]["description"] for event in turn.events if event["type"] == "status"]
        assert any(f'Answered by gpt-4o: the usage limit "{name}" is reached' in line for line in lines), lines
        assert turn.text()
        assert [call.model for call in provider.calls()] == ["gpt-4o"]
        admin.request("PUT", f"{BUDGETS}/{name}", {"fallback_model": "no such model"})
        assert statuses(user) == [429]

        def refused() -> int:
            found = admin.request("GET", "/api/usage/refusals")["refusals"]
            return sum(each["calls"] for each in found if each["limit"]["name"] == name)

        wait_until(lambda: refused() > 0, timeout=10, what="the refusal is counted")
        assert refused() == 1, "that of the call which nobody answered"

    def test_a_picture_is_for_no_model_that_takes_none(self, admin: Client, provider: Provider, name: str) -> None:
        if "sees-nothing" not in admin.models():
            admin.add_model("sees-nothing", base="gpt-4o", meta={"capabilities": {"vision": False}})
        budget(admin, name, limit=0, models=["gpt-4o-mini"], action="fallback", fallback_model="sees-nothing")
        assert chat(admin, messages=PICTURE).status_code == 429
        assert provider.calls() == []
        assert chat(admin).status_code == 200

    def test_the_page_says_how_long_a_call_waits(self, admin: Client, user: Client, name: str) -> None:
        budget(admin, name, limit=0, action="slow", slow_up_to=1)
        with user.ui() as ui:
            turn = ui.ask("gpt-4o-mini").wait()
        lines = [event["data"]["description"] for event in turn.events if event["type"] == "status"]
        assert any(name in line and "1 s" in line for line in lines), lines
        assert turn.text()

    def test_claude_thinks_less_as_its_own_format_says_it(self, admin: Client, provider: Provider, name: str) -> None:
        budget(admin, name, limit=0, models=["claude-*"], action="effort", effort_from=1)
        thinking = {"thinking": {"type": "enabled", "budget_tokens": 4000}, "output_config": {"effort": "high"}}
        form = {"model": "claude-opus-4-1", "messages": MESSAGES, "max_tokens": 8000, **thinking}
        assert admin.post("/api/v1/messages", json=form).status_code == 200
        [call] = provider.calls()
        assert call.request["output_config"] == {"effort": "low"}
        assert call.request["thinking"] == {"type": "enabled", "budget_tokens": 1024}
        newest = admin.request("GET", "/api/usage/calls?limit=1")["calls"][0]
        assert newest["effort"] == "low"

    def test_so_many_tokens_a_minute_and_the_page_knows(
        self, admin: Client, user: Client, provider: Provider, name: str
    ) -> None:
        provider.behave("gpt-4o-mini", prompt=40, visible=20)
        budget(admin, name, unit="tokens", limit=100, period="minute")
        with user.ui() as ui:
            assert statuses(user, user) == [200, 200]
            refused = chat(user)

            def told() -> list[float]:
                budgets = [each for event in list(ui.usage) for each in event.get("budgets", ())]
                return [each["used"] for each in budgets if each["name"] == name]

            wait_until(lambda: told()[-1:] == [120], timeout=10, what="the page knows what the minute holds")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 61
        mine = own(user, name)
        free_at = datetime.fromisoformat(mine["resets_at"])
        assert datetime.now(UTC) - timedelta(seconds=60) < free_at <= datetime.now(UTC) + timedelta(seconds=60)


class TestWhatABudgetIsTiedTo:
    def test_a_usage_group_that_is_renamed_stays_its_own(self, admin: Client, user: Client, name: str) -> None:
        admin.add_group(name, ["gpt-4o-mini"])
        budget(admin, f"{name} of it", group=name, limit=0)
        admin.request("PUT", f"/api/usage/groups/{name}", {"name": f"{name} renamed"})
        [known] = admin.request("GET", BUDGETS)["budgets"]
        assert known["group"] == f"{name} renamed"
        assert statuses(user) == [429]
        assert chat(user, "gpt-4o").status_code == 200

    def test_a_usage_group_that_does_not_exist_is_told(self, admin: Client, name: str) -> None:
        answer = admin.post(BUDGETS, json={"name": name, "group": "nobody's", "limit": 1})
        assert answer.status_code == 422
        assert "nobody's" in json.dumps(answer.json()["detail"])

    def test_a_reset_stays_one_whatever_is_changed(self, admin: Client, user: Client, name: str) -> None:
        budget(admin, name, limit=2, period="day")
        assert statuses(user, user, user) == [200, 200, 429]
        admin.request("POST", f"{BUDGETS}/{name}/reset")
        changes: tuple[dict[str, Any], ...] = (
            {"period": "month"},
            {"timezone": "Asia/Tokyo"},
            {"unit": "tokens", "limit": 2000},
            {"period": "last 30 days"},
            {"unit": "requests", "limit": 2, "period": "total"},
        )
        for change in changes:
            admin.request("PUT", f"{BUDGETS}/{name}", change)
            assert own(user, name)["used"] == 0, change
        assert statuses(user, user, user) == [200, 200, 429]


def test_a_file_of_the_command_line_holds_within_seconds_and_a_dry_run_tells_of_credit(
    openwebui: OpenWebUI, admin: Client, user: Client, name: str, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["config", *arguments, "--database", str(openwebui.ledger_file)])
        assert result.exit_code == 0, result.output
        return result.output

    exceptions = [{"user": user.id, "limit": 2}, {"role": "admin", "limit": None}]
    budget(admin, name, limit=50, period="last 5 hours", overrides=exceptions, strict=True, effort_from=90)
    file = tmp_path / "usage.yaml"
    run("export", "--output", str(file))
    assert "Nothing differs." in run("import", str(file))
    assert statuses(user, user, user) == [200, 200, 429]
    file.write_text(file.read_text().replace("limit: 2\n", "limit: 3\n"))
    assert f"~ budget {name}" in run("import", str(file))
    wait_until(lambda: statuses(user) == [200], timeout=10, every=0.5, what="the server knows the new limit")
    assert statuses(user) == [429]
    end = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    admin.request("POST", f"{BUDGETS}/{name}/credits", {"amount": 7, "note": "Thesis", "expires_at": end})
    file.write_text("budgets: []\n")
    told = run("import", str(file), "--prune", "--dry-run")
    assert f"- budget {name}" in told
    assert '"amount": 7' in told
    assert "Thesis" in told
    assert len(admin.request("GET", f"{BUDGETS}/{name}/credits")["credits"]) == 1
