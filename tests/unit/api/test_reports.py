"""/api/usage/reports and /me/report: what they answer, to whom, and what is wrong with a question."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from openwebui_usage.api.readers import ReportReaders
from openwebui_usage.ledger.report_query import Readable
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables

NOON = 1_793_534_400.0
"""2026-11-01T12:00:00Z."""
DAY = 86_400
NOVEMBER = {"from": "2026-11-01", "to": "2026-12-01"}


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """A ledger with a few calls of some people."""
    router = Router(tmp_path_factory.mktemp("router"))
    give_tables(router.engine)
    router.store.create_group("GPT", ["gpt-*"], None, "documented")
    tokens = TokenUsage(input=1000, cached_input=200, completion=50, reasoning=20, output=50)
    staff: dict[str, Any] = {"user_groups": ("staff",), "user_group_names": ("Staff",)}
    rows = [
        call_row("gpt-4o", user_id="user", user_name="Uma", usage=tokens, started_at=NOON, kind="chat", **staff),
        call_row("gpt-4o", user_id="user", user_name="Uma", usage=tokens, started_at=NOON + DAY, kind="api", **staff),
        call_row("o3", user_id="lead", user_name="Lea", usage=tokens, started_at=NOON, outcome="error", **staff),
        call_row("=cmd()", user_id="admin", user_name="Ada", started_at=NOON),
        call_row("gpt-4o", user_id="user", user_name="Uma", usage=tokens, started_at=NOON - 30 * DAY),
        call_row("gpt-4o", user_id="gone", user_name="user", usage=tokens, started_at=NOON),
    ]
    router.store.record(rows)
    return router


def ask(router: Router, who: str = "admin", path: str = "reports", **parameters: Any) -> Any:
    with router.client(who) as client:
        answer = client.http.get(f"/api/usage/{path}", params={**NOVEMBER, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_a_report_is_as_documented(router: Router) -> None:
    report = ask(router, tz="Europe/Berlin", bucket="day", group_by="user,model", user="Uma", compare="previous")
    assert report["from"] == "2026-11-01T00:00:00+01:00"
    assert report["to"] == "2026-12-01T00:00:00+01:00"
    assert (report["timezone"], report["bucket"], report["group_by"]) == ("Europe/Berlin", "day", ["user", "model"])
    row = report["rows"][0]
    assert row == {
        "start": "2026-11-01T00:00:00+01:00",
        "user": {"id": "user", "name": "Uma"},
        "model": "gpt-4o",
        "calls": 1,
        "in": 1000,
        "out": 70,
        "total": 1070,
        "cached": 200,
        "cache_write": 0,
        "completion": 50,
        "reasoning": 20,
        "billed": 1050,
        "cost": row["cost"],
        "cost_input": row["cost_input"],
        "cost_cached": row["cost_cached"],
        "cost_cache_write": row["cost_cache_write"],
        "cost_output": row["cost_output"],
        "unpriced_calls": 0,
        "estimated_calls": 0,
        "errors": 0,
        "refused": 0,
    }
    assert row["cost"] > 0
    assert [each["start"] for each in report["rows"]] == ["2026-11-01T00:00:00+01:00", "2026-11-02T00:00:00+01:00"]
    assert report["totals"]["calls"] == 2
    assert report["previous"]["from"] == "2026-10-01T00:00:00+02:00"
    assert report["previous"]["totals"]["calls"] == 1
    assert set(report["recorded_since"]) == {"user_group", "connection", "kind", "key", "cost_parts", "refused"}


def test_everything_is_asked_for_by_default(router: Router) -> None:
    with router.client("admin") as client:
        report = client.http.get("/api/usage/reports").json()
    assert (report["bucket"], report["group_by"], report["timezone"]) == ("none", [], "UTC")
    assert "previous" not in report
    assert report["from"].endswith("-01T00:00:00+00:00")


def test_the_top_is_by_cost_and_the_rest_is_other(router: Router) -> None:
    rows = ask(router, group_by="model", top=1)["rows"]
    assert [(row["model"], row["calls"]) for row in rows] == [("gpt-4o", 3), ("Other", 2)]


@pytest.mark.parametrize(("top", "word"), [({}, "given"), ({"top": 2}, "smaller")])
def test_more_rows_than_fit_into_an_answer_need_a_top(
    router: Router, monkeypatch: pytest.MonkeyPatch, top: dict[str, int], word: str
) -> None:
    monkeypatch.setattr("openwebui_usage.api.routes.reports.MOST_ROWS", 2)
    with router.client("admin") as client:
        asked = {**NOVEMBER, "group_by": "user", **top}
        answer = client.http.get("/api/usage/reports", params=asked)
        assert answer.status_code == 422
        [problem] = answer.json()["detail"]
        assert problem["loc"] == ["query", "top"]
        assert f"must be {word} here" in problem["msg"]
        assert client.http.get("/api/usage/reports", params={**asked, "top": 1}).status_code == 200
        assert client.http.get("/api/usage/reports", params={**asked, "format": "csv"}).status_code == 200


@pytest.mark.parametrize(
    ("who", "path", "seen"),
    [
        ("admin", "reports", {"user": 2, "lead": 1, "admin": 1, "gone": 1}),
        ("reader", "reports", {"user": 2, "lead": 1, "admin": 1, "gone": 1}),
        ("lead", "reports", {"user": 2, "lead": 1}),
        ("user", "reports", None),
        ("stranger", "reports", None),
        ("admin", "me/report", {"admin": 1}),
        ("reader", "me/report", {}),
        ("lead", "me/report", {"lead": 1}),
        ("user", "me/report", {"user": 2}),
        ("stranger", "me/report", None),
    ],
)
def test_who_sees_whose_calls(router: Router, who: str, path: str, seen: dict[str, int] | None) -> None:
    with router.client(who) as client:
        answer = client.http.get(f"/api/usage/{path}", params={**NOVEMBER, "group_by": "user"})
        if seen is None:
            assert answer.status_code == (401 if who == "stranger" else 403)
            return
        assert {row["user"]["id"]: row["calls"] for row in answer.json()["rows"]} == seen
        assert answer.json()["totals"]["calls"] == sum(seen.values())


@pytest.mark.parametrize("user", ["admin", "Ada", "gone", "lead"])
def test_no_filter_shows_the_calls_of_others(router: Router, user: str) -> None:
    assert ask(router, "user", "me/report", user=user)["totals"]["calls"] == 0


def test_a_lead_sees_the_own_groups_alone(router: Router) -> None:
    rows = ask(router, "lead", group_by="user_group")["rows"]
    assert [row["user_group"] for row in rows] == [{"id": "staff", "name": "Staff"}]


@pytest.mark.parametrize(
    ("groups", "own", "readable"),
    [
        ({}, {}, None),
        ({"1": "Sales"}, {"1": "Sales"}, None),
        ({"1": "Finance"}, {"1": "Finance"}, Readable()),
        ({"f": "Renamed"}, {"f": "Renamed"}, Readable()),
        ({"1": "finance"}, {"1": "finance"}, None),
        ({"1": "Leads", "2": "Sales"}, {"1": "Leads", "2": "Sales"}, Readable(user_groups=frozenset("2"))),
        ({"1": "Leads", "2": "Sales"}, {"1": "Leads"}, Readable(user_groups=frozenset("1"))),
        ({"1": "Leads", "2": "Finance"}, {"1": "Leads"}, Readable()),
    ],
)
def test_what_members_of_groups_may_read(
    groups: dict[str, str], own: dict[str, str], readable: Readable | None
) -> None:
    assert ReportReaders.of(" Finance ,, f", "Leads").readable(groups, own) == readable
    assert ReportReaders.of("", " , ").readable(groups, own) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"),
        ("from", "2026-12-02"),
        ("to", "2026-02-30"),
        ("to", ""),
        ("tz", "Europe/Atlantis"),
        ("tz", "\0"),
        ("bucket", "fortnight"),
        ("bucket", "15m&to=2027-12-01"),
        ("group_by", "colour"),
        ("group_by", "user,model,kind"),
        ("group_by", "users"),
        ("kind", "telepathy"),
        ("outcome", "fine"),
        ("top", "0"),
        ("top", "1001"),
        ("top", "many"),
        ("compare", "next"),
        ("format", "pdf"),
        ("user", "a\0b"),
        ("model", "\0*"),
    ],
)
@pytest.mark.parametrize("path", ["reports", "me/report"])
def test_a_bad_parameter_is_named(router: Router, path: str, name: str, value: str) -> None:
    value, _, to = value.partition("&to=")
    parameters = {**NOVEMBER, name: value}
    if to:
        parameters["to"] = to
    if value == "2026-12-02":
        name = "to"
    with router.client("admin") as client:
        answer = client.http.get(f"/api/usage/{path}", params=parameters)
        assert answer.status_code == 422, answer.text
        assert {tuple(problem["loc"][:2]) for problem in answer.json()["detail"]} == {("query", name)}


def test_dimensions_and_values_may_be_repeated(router: Router) -> None:
    parameters = {"group_by": ["model", "outcome"], "model": ["gpt*", "o?"], "kind": ["chat", "not recorded"]}
    report = ask(router, **parameters)
    assert report["group_by"] == ["model", "outcome"]
    assert {(row["model"], row["outcome"]): row["calls"] for row in report["rows"]} == {
        ("gpt-4o", "done"): 2,
        ("o3", "error"): 1,
    }


def test_files_have_the_same_rows(router: Router) -> None:
    with router.client("admin") as client:
        parameters = {**NOVEMBER, "group_by": "user,model"}
        rows = client.http.get("/api/usage/reports", params=parameters).json()["rows"]
        answer = client.http.get("/api/usage/reports", params={**parameters, "format": "csv"})
        assert answer.headers["content-disposition"] == 'attachment; filename="usage-2026-11-01.csv"'
        table = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        lines = client.http.get("/api/usage/reports", params={**parameters, "format": "jsonl"}).text.splitlines()
    expected = [{**row, "user": row["user"]["name"], "user_id": row["user"]["id"]} for row in rows]
    assert [json.loads(line) for line in lines] == expected
    assert [row["calls"] for row in table] == [str(row["calls"]) for row in rows]
    assert "'=cmd()" in {row["model"] for row in table}


@pytest.mark.parametrize(("format", "start"), [("xlsx", b"PK"), ("parquet", b"PAR1")])
def test_other_formats_are_whole_files(router: Router, format: str, start: bytes) -> None:  # noqa: A002
    with router.client("user") as client:
        answer = client.http.get("/api/usage/me/report", params={**NOVEMBER, "format": format})
        assert answer.status_code in (200, 422), answer.text
        if answer.status_code == 200:
            assert answer.content.startswith(start)


@pytest.mark.parametrize("who", ["admin", "reader"])
def test_percentiles_are_told_with_rows_and_totals(router: Router, who: str) -> None:
    report = ask(router, who, latency="true", group_by="model", bucket="day")
    assert {row["model"] for row in report["rows"]} == {"gpt-4o", "o3", "=cmd()"}
    for told in [*report["rows"], report["totals"]]:
        assert set(told["latency"]) == {"duration", "time_to_first_token", "from"}
        assert told["latency"]["from"] == "histogram"
        assert list(told["latency"]["duration"]) == ["p50", "p95", "p99"]
    failed = next(row for row in report["rows"] if row["model"] == "o3")
    assert failed["latency"]["duration"] == {"p50": None, "p95": None, "p99": None}
    assert report["totals"]["latency"]["duration"]["p50"] == 0.001, "these calls took no time at all"
    assert "latency" not in ask(router)["totals"]


def test_percentiles_are_columns_of_a_file(router: Router) -> None:
    with router.client("admin") as client:
        parameters = {**NOVEMBER, "latency": "true", "group_by": "model", "format": "csv"}
        answer = client.http.get("/api/usage/reports", params=parameters)
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert rows["gpt-4o"]["duration_p99"] == "0.001"
    assert rows["gpt-4o"]["time_to_first_token_p50"] == ""


@pytest.mark.parametrize(
    ("who", "path", "parameters"),
    [
        ("admin", "reports", {"group_by": "user"}),
        ("admin", "reports", {"group_by": "model,outcome"}),
        ("admin", "reports", {"user": "Uma"}),
        ("lead", "reports", {}),
        ("user", "me/report", {}),
    ],
)
def test_percentiles_of_anything_else_are_refused(
    router: Router, who: str, path: str, parameters: dict[str, str]
) -> None:
    with router.client(who) as client:
        answer = client.http.get(f"/api/usage/{path}", params={"latency": "true", **parameters})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "latency"]
