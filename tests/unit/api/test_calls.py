"""/api/usage/calls and /me/calls: what they answer, to whom, and what is wrong with a question."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from pyarrow import parquet

from openwebui_usage.api.answers.calls import CALL_COLUMNS
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables

NOON = 1_793_534_400.0
"""2026-11-01T12:00:00Z."""
HOUR = 3_600


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """A ledger with 30 calls of some people, one an hour, the first at noon."""
    router = Router(tmp_path_factory.mktemp("router"))
    give_tables(router.engine)
    router.store.create_group("GPT", ["gpt-*"], None, "documented")
    router.store.put_price(Price("*"))
    people = [("user", "Uma", ("staff",)), ("lead", "Lea", ("staff", "leads")), ("admin", "Ada", ())]
    rows = []
    for number in range(30):
        id_, name, groups = people[number % 3]
        at = NOON + number * HOUR
        rows.append(
            call_row(
                "gpt-4o" if number % 2 else "=o3",
                id=f"{round(at * 1e9):016x}{number:016x}",
                started_at=at,
                user_id=id_,
                user_name=name,
                user_groups=groups,
                user_group_names=tuple(map(str.capitalize, groups)),
                connection="c1",
                connection_name="https://api.example/v1",
                kind="chat",
                usage=TokenUsage(input=1000, cached_input=200, completion=50, reasoning=20, output=50),
                duration=7.5,
                unverified=number == 29,
            )
        )
    router.store.record(rows)
    with router.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE usage_progress SET value = '0' WHERE name = 'recorded_since'")
    return router


def get(router: Router, who: str = "admin", path: str = "calls", **parameters: Any) -> Any:
    with router.client(who) as client:
        return client.http.get(f"/api/usage/{path}", params=parameters)


def ask(router: Router, who: str = "admin", path: str = "calls", **parameters: Any) -> Any:
    answer = get(router, who, path, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_call_is_as_documented(router: Router) -> None:
    [call] = ask(router, limit=1, before=f"{round((NOON + 28.5 * HOUR) * 1e9):016x}", tz="Europe/Berlin")["calls"]
    assert call == {
        "id": f"{round((NOON + 28 * HOUR) * 1e9):016x}{28:016x}",
        "started_at": "2026-11-02T17:00:00+01:00",
        "user": {"id": "lead", "name": "Lea"},
        "user_groups": [{"id": "leads", "name": "Leads"}, {"id": "staff", "name": "Staff"}],
        "model": "=o3",
        "called_model": "=o3",
        "connection": {"id": "c1", "name": "https://api.example/v1"},
        "kind": "chat",
        "key": "none",
        "task": None,
        "path": None,
        "usage_groups": [],
        "in": 1000,
        "out": 70,
        "total": 1070,
        "cached": 200,
        "cache_write": 0,
        "completion": 50,
        "reasoning": 20,
        "billed": 1050,
        "cost": 0.0,
        "cost_input": 0.0,
        "cost_cached": 0.0,
        "cost_cache_write": 0.0,
        "cost_output": 0.0,
        "cost_source": call["cost_source"],
        "price_version": None,
        "first_token_after": None,
        "thinking": None,
        "duration": 7.5,
        "outcome": "done",
        "error": None,
        "effort": None,
        "estimated": False,
        "unverified": False,
        "chat_id": None,
        "message_id": None,
    }


def test_pages_follow_each_other(router: Router) -> None:
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = ask(router, limit=7, **before)
        seen += [call["id"] for call in page["calls"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 30
    assert ask(router, limit=30)["next"] is None


def test_an_unverified_call_is_marked(router: Router) -> None:
    assert [call["unverified"] for call in ask(router, limit=3)["calls"]] == [True, False, False]


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"user": "Uma"}, 10),
        ({"user": ["user", "Ada"]}, 20),
        ({"user_group": "Leads"}, 10),
        ({"model": "gpt-*"}, 15),
        ({"usage_group": "GPT"}, 14),  # Without the one that is unverified.
        ({"kind": "task"}, 0),
        ({"connection": "https://api.example/v1", "outcome": "done"}, 30),
        ({"from": "2026-11-02"}, 18),
        ({"to": "2026-11-02"}, 12),
        ({"from": "2026-11-02", "tz": "Asia/Kathmandu"}, 23),
        ({"from": "2026-11-01T13:00:00Z", "to": "2026-11-01T15:00:00Z"}, 2),
    ],
)
def test_only_what_is_asked_for_is_listed(router: Router, parameters: dict[str, Any], count: int) -> None:
    assert len(ask(router, **parameters)["calls"]) == count


def test_everybody_sees_what_they_may(router: Router) -> None:
    assert {call["user"]["name"] for call in ask(router, "user", "me/calls")["calls"]} == {"Uma"}
    assert ask(router, "user", "me/calls", user="Ada")["calls"] == []
    assert {call["user"]["name"] for call in ask(router, "lead")["calls"]} == {"Uma", "Lea"}
    assert len(ask(router, "reader")["calls"]) == 30
    assert get(router, "user").status_code == 403


def test_every_format_has_the_whole_list(router: Router) -> None:
    listed = ask(router, limit=1000)["calls"]
    ids = [call["id"] for call in listed]
    answer = get(router, format="csv", limit=2)
    assert answer.headers["content-disposition"].startswith('attachment; filename="calls-')
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == ids
    assert list(rows[0]) == list(CALL_COLUMNS)
    assert {row["model"] for row in rows} == {"gpt-4o", "'=o3"}
    assert (rows[1]["user"], rows[1]["user_id"], rows[1]["user_groups"]) == ("Lea", "lead", "Leads; Staff")
    lines = [json.loads(line) for line in get(router, format="jsonl").text.splitlines()]
    assert [line["id"] for line in lines] == ids
    assert lines[1]["user_groups"] == ["Leads", "Staff"]
    sheet = openpyxl.load_workbook(io.BytesIO(get(router, format="xlsx").content)).active
    assert [cell.value for cell in sheet["A"]][1:] == ids
    table = parquet.read_table(io.BytesIO(get(router, format="parquet").content))
    assert table.column("id").to_pylist() == ids
    assert table.column("total").to_pylist() == [1070] * 30
    mine = get(router, "user", "me/calls", format="csv", model="gpt-*")
    assert {row["user_id"] for row in csv.DictReader(io.StringIO(mine.text))} == {"user"}


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"limit": 1001}, "limit"),
        ({"limit": 0}, "limit"),
        ({"before": "x y"}, "before"),
        ({"before": "0" * 33}, "before"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"tz": "Mars"}, "tz"),
        ({"kind": "guess"}, "kind"),
        ({"user": "a\0"}, "user"),
        ({"format": "pdf"}, "format"),
    ],
)
def test_what_is_wrong_is_named(router: Router, parameters: dict[str, Any], field: str) -> None:
    answer = get(router, **parameters)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["query", field]


class TestOneCall:
    def id_of(self, number: int) -> str:
        return f"{round((NOON + number * HOUR) * 1e9):016x}{number:016x}"

    def test_is_told_with_what_the_provider_said_and_what_counted_it(self, router: Router) -> None:
        for budget in (
            {"name": "staff", "scope": {"kind": "group", "id": "staff"}, "limit": 5},
            {"name": "others", "scope": {"kind": "user", "id": "ann"}, "limit": 5},
            {"name": "o3", "models": ["o3"], "limit": 5},
            {"name": "dollars", "limit": 2.5, "unit": "usd", "period": "month"},
        ):
            with router.client("admin") as admin:
                admin.request("POST", "/api/usage/budgets", budget)
        id_ = f"{round((NOON + 100 * HOUR) * 1e9):016x}{1:016x}"
        said = {"prompt_tokens": 3, "nested": {"x": None}}
        row = call_row(
            "gpt-4o",
            id=id_,
            started_at=NOON + 100 * HOUR,
            user_id="user",
            user_name="Uma",
            user_groups=("staff",),
            usage=TokenUsage(input=3),
            raw_usage=said,
        )
        router.store.record([row])
        call = ask(router, path=f"calls/{id_}", tz="Europe/Berlin")
        assert (call["id"], call["raw_usage"], call["in"]) == (id_, said, 3)
        assert call["started_at"].endswith("+01:00")
        assert call["groups"] == [{"name": "GPT", "unit": "tokens", "limit": None, "period": "total"}]
        assert [(each["name"], each["limit"]) for each in call["budgets"]] == [("staff", 5), ("dollars", 2.5)]
        for who in ("reader", "lead"):
            told = ask(router, who, f"calls/{id_}")
            assert (told["budgets"], told["raw_usage"]) == (None, said)

    @pytest.mark.parametrize(
        ("who", "number", "status"),
        [
            ("admin", 5, 200),
            ("reader", 5, 200),
            ("lead", 5, 404),
            ("lead", 3, 200),
            ("user", 3, 403),
            ("admin", 29, 200),
        ],
    )
    def test_is_told_to_whom_the_list_is(self, router: Router, who: str, number: int, status: int) -> None:
        answer = get(router, who, f"calls/{self.id_of(number)}")
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["id"] == self.id_of(number)

    @pytest.mark.parametrize("id_", ["0", "zzz", "f" * 32, "0" * 32], ids=str)
    def test_that_is_not_there_is_not_found(self, router: Router, id_: str) -> None:
        assert get(router, path=f"calls/{id_}").status_code == 404
