"""What admins choose from, and what models cost."""

from __future__ import annotations

import time
from typing import Any

import pytest

from openwebui_usage.rules.tokens import TokenUsage
from tests.support.clients import Client
from tests.support.recorder import call_row
from tests.support.router import Router

DIRECTORY = "/api/usage/directory"
EFFECTIVE = "/api/usage/prices/effective"


def test_models_are_told_with_their_connections(admin: Client) -> None:
    models = admin.request("GET", f"{DIRECTORY}/models")["models"]
    assert [(model["id"], model["base"], model["connection"]) for model in models][:2] == [
        ("gpt-4o", None, "https://api.openai.com/v1"),
        ("helper", "o3", "https://api.openai.com/v1"),
    ]


@pytest.mark.parametrize(
    ("what", "asked", "found"),
    [
        ("users", {"search": " um "}, ["Uma"]),
        ("users", {"id": ["lead", "gone"]}, ["Lea"]),
        ("users", {"search": "nobody"}, []),
        ("user-groups", {"search": "FI"}, ["Finance"]),
        ("user-groups", {}, ["Finance", "Leads", "Staff"]),
        ("user-groups", {"id": "staff", "search": "x"}, ["Staff"]),
    ],
)
def test_people_are_found_by_name_or_id(admin: Client, what: str, asked: dict[str, Any], found: list[str]) -> None:
    answer = admin.request("GET", f"{DIRECTORY}/{what}", **asked)
    assert [each["name"] for each in answer[what.replace("-", "_")]] == found


@pytest.mark.parametrize(
    "asked", [{"search": "a\0"}, {"id": "\0"}, {"search": "x" * 101}, {"id": [str(n) for n in range(51)]}], ids=str
)
def test_what_no_database_takes_is_told(admin: Client, asked: dict[str, Any]) -> None:
    assert admin.http.get(f"{DIRECTORY}/users", params=asked).status_code == 422


def effective(admin: Client) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in admin.request("GET", EFFECTIVE)["models"]}


def test_each_model_tells_what_it_costs_and_who_says_so(admin: Client) -> None:
    found = effective(admin)
    assert {name: model["source"] for name, model in found.items()} == {
        "gpt-4o": "genai-prices",
        "helper": "genai-prices",
        "llama": None,
        "mine": "connection",
    }
    public = found["gpt-4o"]
    assert (public["input"], public["output"], public["cached_input"]) == (2.5, 10.0, 1.25)
    assert (public["pattern"], bool(public["version"])) == (None, True)
    assert (found["llama"]["input"], found["mine"]["input"]) == (None, 0)


def test_a_price_of_the_admin_comes_first(admin: Client) -> None:
    admin.request("PUT", "/api/usage/prices", {"model": "llama:*", "input": 1, "output": 2})
    llama = effective(admin)["llama"]
    assert (llama["source"], llama["pattern"], llama["input"], llama["cached_input"]) == ("admin", "llama:*", 1, 1)
    admin.request("PUT", "/api/usage/prices", {"model": "llama", "input": 3, "output": 2, "cached_input": 0.5})
    llama = effective(admin)["llama"]
    assert (llama["pattern"], llama["input"], llama["cached_input"]) == ("llama", 3, 0.5)


def test_calls_without_a_price_are_told_with_their_tokens(router: Router, admin: Client) -> None:
    usage = TokenUsage(input=100, cached_input=40, output=7, completion=7)
    admin.request("PUT", "/api/usage/prices", {"model": "half", "input": 1, "output": 1})
    router.store.record([call_row("half", usage=usage)])
    admin.request("DELETE", "/api/usage/prices/half")
    old = time.time() - 40 * 86_400
    router.store.record(
        [
            call_row("half", usage=usage),
            call_row("none", usage=usage),
            call_row("none", usage=usage),
            call_row("none", started_at=old, usage=usage),
            call_row("typo", outcome="error"),
            call_row("gpt-4o", usage=usage),
        ]
    )
    unpriced = {each.pop("model"): each for each in admin.request("GET", EFFECTIVE)["unpriced"]}
    assert unpriced["none"] == {"calls": 2, "input": 200, "cached_input": 80, "cache_write": 0, "output": 14}
    assert (unpriced["half"]["calls"], unpriced["half"]["input"]) == (1, 100)
    assert not unpriced.keys() & {"typo", "gpt-4o"}
