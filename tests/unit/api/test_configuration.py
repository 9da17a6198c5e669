"""Everything that admins define, as one YAML file: exported, read back, compared, applied whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.router import Router

CONFIG = "/api/usage/config"
FILE = """\
groups:
- name: GPT
  models: [gpt-4o*]
  limit: 1000
  period: month
budgets:
- {name: each, scope: {kind: each_user}, unit: usd, limit: 2.5}
- {name: of GPT, group: GPT, limit: 7}
prices:
- {model: llama*, input: 0.1, output: 0.2}
cost_centers:
- {user_group: staff, cost_center: "4711"}
readers:
  of_everybody: [Finance]
  of_own_groups: [leads]
"""


def post(admin: Client, text: str, status: int = 200, **params: Any) -> Any:
    answer = admin.http.post(CONFIG, content=text, params=params, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.json()["detail"]


def changes(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["section"], each["name"], each["change"]) for each in answer["changes"]]


def export(admin: Client) -> str:
    answer = admin.http.get(CONFIG)
    assert answer.headers["content-type"] == "application/yaml"
    return answer.text


@pytest.fixture(autouse=True)
def nothing_else(admin: Client) -> None:
    admin.request("PUT", "/api/usage/cost-centers", {"cost_centers": []})
    admin.request("PUT", "/api/usage/readers", {"of_everybody": ["Finance"], "of_own_groups": ["leads"]})


def test_a_dry_run_tells_what_would_be_and_changes_nothing(router: Router, admin: Client) -> None:
    before, revision = export(admin), router.store.definitions().revision
    answer = post(admin, FILE, dry_run=True)
    assert (answer["dry_run"], changes(answer)) == (
        True,
        [
            ("groups", "GPT", "added"),
            ("budgets", "each", "added"),
            ("budgets", "of GPT", "added"),
            ("prices", "llama*", "added"),
            ("cost_centers", "staff", "added"),
        ],
    )
    assert (export(admin), router.store.definitions().revision) == (before, revision)


def test_what_is_exported_is_what_was_defined(router: Router, admin: Client) -> None:
    router.changes.clear()
    post(admin, FILE)
    assert router.changes == [["GPT"]]
    text = export(admin)
    assert changes(post(admin, text)) == []
    assert router.changes == [["GPT"]]
    admin.forget_definitions()
    assert [name for _, name, _ in changes(post(admin, text))] == ["GPT", "each", "of GPT", "llama*"]
    assert export(admin) == text
    [_, budget] = admin.request("GET", "/api/usage/budgets")["budgets"]
    assert (budget["group"], budget["limit"]) == ("GPT", 7)


def test_a_change_is_told_field_by_field_and_keeps_what_was_counted(router: Router, admin: Client) -> None:
    post(admin, FILE)
    router.record("gpt-4o")
    answer = post(admin, FILE.replace("limit: 1000", "limit: 2000").replace("limit: 2.5", "limit: 3"))
    assert answer["changes"] == [
        {
            "section": "groups",
            "name": "GPT",
            "change": "changed",
            "fields": [{"field": "limit", "from": 1000, "to": 2000}],
        },
        {
            "section": "budgets",
            "name": "each",
            "change": "changed",
            "fields": [{"field": "limit", "from": 2.5, "to": 3}],
        },
    ]
    group = admin.usage_groups()["GPT"]
    assert (group["limit"], group["usage"]["total"]) == (2000, 15)


def test_another_period_and_other_budgets_begin_with_what_the_ledger_knows(router: Router, admin: Client) -> None:
    post(admin, FILE)
    router.record("gpt-4o", "o3", user_id="user")
    post(
        admin,
        "groups:\n- {name: GPT, models: [gpt-4o*], period: day}\n- {name: New, models: [o3], period: day}\n"
        "budgets:\n- {name: of GPT, group: New, limit: 7, unit: requests}\n- {name: day, limit: 9, period: day}\n",
    )
    groups = admin.usage_groups()
    assert (groups["GPT"]["usage"]["calls"], groups["New"]["usage"]["calls"]) == (1, 0)
    recorded = sum(row.usage.input + row.usage.output for row in router.store.latest(1000))

    def used() -> dict[str, int]:
        with router.client("user") as user:
            return {each["name"]: each["used"] for each in user.request("GET", "/api/usage/me")["budgets"]}

    assert used()["day"] == recorded
    calls = used()["of GPT"]
    router.record("o3", user_id="user")
    assert (used()["day"], used()["of GPT"]) == (recorded + 15, calls + 1)


def test_what_a_file_does_not_name_stays_unless_it_is_pruned(admin: Client) -> None:
    post(admin, FILE)
    less = "groups:\n- {name: Other, models: [o3]}\nbudgets: []\n"
    answer = post(admin, less, dry_run=True)
    assert (changes(answer), [each["name"] for each in answer["kept"]]) == (
        [("groups", "Other", "added")],
        ["GPT", "each", "of GPT"],
    )
    assert changes(post(admin, less, prune=True)) == [
        ("groups", "Other", "added"),
        ("groups", "GPT", "removed"),
        ("budgets", "each", "removed"),
        ("budgets", "of GPT", "removed"),
    ]
    assert (list(admin.usage_groups()), admin.request("GET", "/api/usage/budgets")) == (["Other"], {"budgets": []})
    assert len(admin.request("GET", "/api/usage/prices")["prices"]) == 1


def test_a_group_that_a_budget_counts_is_not_pruned_alone(admin: Client) -> None:
    post(admin, FILE)
    before = export(admin)
    assert post(admin, "groups: []", 409, prune=True) == (
        'The file leaves out the usage group "GPT", which the budget "of GPT" counts. Name both, or prune both.'
    )
    assert export(admin) == before


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (
            "grups: []",
            "line 1, column 1: grups: is no section; those are groups, budgets, prices, cost_centers, readers",
        ),
        ("- 1", "line 1, column 1: must have some of the keys groups, budgets, prices, cost_centers, readers"),
        ("groups", "line 1, column 1: must have some of the keys groups, budgets, prices, cost_centers, readers"),
        ("groups: {}", "line 1, column 1: groups: must be a list"),
        ("groups: [GPT]", "line 1, column 10: groups[0]: must be a mapping of fields to values"),
        ("groups:\n- {name: GPT}", "line 2, column 3: groups[0].models: is missing"),
        (
            "groups:\n- name: GPT\n  models: []\n  limit: -1",
            (
                "line 4, column 3: groups[0].limit: must be a whole number of tokens, 0 to 1000000000000000, "
                "or null for no limit (got -1)"
            ),
        ),
        (
            "prices:\n- {model: a, input: 1, output: 1, inptu: 2}",
            (
                "line 2, column 35: prices[0].inptu: is no field here; those are model, input, output, cached_input, "
                "cache_write, request"
            ),
        ),
        (
            "groups:\n- &a {name: a, models: []}\n- *a",
            "line 2, column 3: anchors and aliases are not taken: write it out",
        ),
        ("groups:\n- {name: a, name: b, models: []}", "line 2, column 13: groups[0].name: is there twice"),
        (
            "groups:\n- {name: a, models: []}\n- {name: ' a', models: []}",
            'line 3, column 4: groups[1].name: "a" is there twice',
        ),
        (
            "budgets:\n- {name: b, limit: 1.5}",
            "line 2, column 13: budgets[0].limit: must be a whole number of tokens (got 1.5)",
        ),
        (
            "budgets:\n- {name: b, limit: 1, group: no}",
            "line 2, column 23: budgets[0].group: must be a text (got False)",
        ),
        (
            "budgets:\n- {name: b, limit: 1, group: none}",
            'line 2, column 23: budgets[0].group: there is no usage group "none"',
        ),
        (
            "budgets:\n- {name: b, limit: 1, scope: {kind: user}}",
            'line 2, column 23: budgets[0].scope: kind "user" needs the id of a user or of a user group, or a role',
        ),
        (
            "groups: !!set x",
            "line 1, column 9: groups: must be a plain value, without a tag (got tag:yaml.org,2002:set)",
        ),
        ("groups: !!int many", "line 1, column 9: groups: is not what its tag says (got 'many')"),
        ("groups: [" + "[" * 30, "line 1, column 28: is nested too deeply"),
        ("groups: []\n---\ngroups: []", "line 2, column 1: but found another document"),
        ("groups: 'open", "line 1, column 14: found unexpected end of stream"),
        ("a: " + "x" * 1_000_000, "must have at most 1,000,000 bytes (got 1,000,003)"),
    ],
    ids=lambda text: str(text)[:40],
)
def test_what_is_wrong_is_told_with_its_place(admin: Client, text: str, wrong: str) -> None:
    before = export(admin)
    [problem] = post(admin, text, 422)
    assert problem["msg"] == wrong
    assert problem["loc"][0] == "body"
    assert export(admin) == before


def test_all_that_is_wrong_is_told_at_once(admin: Client) -> None:
    text = FILE.replace("limit: 1000", "limit: lots").replace("input: 0.1", "input: -1").replace("each_user", "some")
    assert [tuple(problem["loc"][1:4]) for problem in post(admin, text, 422)] == [
        ("groups", 0, "limit"),
        ("budgets", 0, "scope"),
        ("prices", 0, "input"),
    ]


def test_nothing_is_changed_where_something_fails_at_the_end(
    router: Router, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(admin, FILE)
    before, totals = export(admin), router.store.state()
    from openwebui_usage.ledger import configuration

    def fail(*_: Any) -> None:
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(configuration, "write_cost_centers", fail)
    text = FILE.replace("each_user", "everyone").replace("period: month", "period: week").replace("4711", "4712")
    with pytest.raises(RuntimeError, match="on fire"):
        post(admin, text)
    assert export(admin) == before
    assert router.store.state()[1] == totals[1]
    with router.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM usage_recount").scalar() == 0


def test_a_change_by_others_meanwhile_is_seen(router: Router, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    post(admin, FILE)
    store, done = router.store, []
    original = store._count

    def and_somebody_else(*args: Any) -> None:
        original(*args)
        if not done:
            done.append(store.update_group("GPT", {"limit": 5}))

    monkeypatch.setattr(store, "_count", and_somebody_else)
    answer = post(admin, FILE.replace("limit: 7", "limit: 8").replace("limit: 1000", "limit: 5"))
    assert changes(answer) == [("budgets", "of GPT", "changed")]
    assert admin.usage_groups()["GPT"]["limit"] == 5


def test_a_dry_run_says_before_anything_is_written_what_becomes_of_credit(router: Router, admin: Client) -> None:
    admin.request("POST", "/api/usage/budgets", {"name": "fair", "limit": 5})
    admin.request("POST", "/api/usage/budgets/fair/credits", {"amount": 7, "note": "once"})
    [reason] = post(admin, "budgets:\n- {name: fair, unit: requests, limit: 5}\n", 422, dry_run=True)
    assert "has credit in tokens; take it back first" in reason["msg"]
    answer = post(admin, "budgets: []", dry_run=True, prune=True)
    assert changes(answer) == [("budgets", "fair", "removed")]
    assert answer["changes"][0]["fields"][-1] == {
        "field": "credits",
        "from": [{"amount": 7, "note": "once"}],
        "to": None,
    }
    assert len(admin.request("GET", "/api/usage/budgets/fair/credits")["credits"]) == 1
