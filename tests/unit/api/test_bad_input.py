"""What no definition may be: the answer names the field and what would be right, and nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.support.clients import Client

GROUPS, BUDGETS, PRICES = "/api/usage/groups", "/api/usage/budgets", "/api/usage/prices"

# What is put into an otherwise good body, the field that the answer names, and words of what it says.
BAD_FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no name": ({"name": ""}, "name", "1 to 100 characters"),
    "a blank name": ({"name": "  "}, "name", "1 to 100 characters"),
    "a long name": ({"name": "x" * 101}, "name", "1 to 100 characters"),
    "a name with a slash": ({"name": "a/b"}, "name", "slashes"),
    "a name of dots": ({"name": ".."}, "name", "dot"),
    "a name with a line break": ({"name": "a\nb"}, "name", "control characters"),
    "a name with a NUL": ({"name": "a\x00b"}, "name", "control characters"),
    "a name with half a character": ({"name": "\ud800"}, "name", "control characters"),
    "a name that turns around": ({"name": "\u202eevil"}, "name", "control characters"),
    "a number for a name": ({"name": 7}, "name", "must be a text"),
    "null for a name": ({"name": None}, "name", "must be a text"),
    "a text for models": ({"models": "gpt-4o"}, "models", "must be a list"),
    "an object for models": ({"models": {"gpt-4o": 1}}, "models", "must be a list"),
    "null for models": ({"models": None}, "models", "must be a list"),
    "a number among the models": ({"models": ["gpt-4o", 4]}, "models", "entry 1"),
    "an empty model": ({"models": [""]}, "models", "entry 0"),
    "a long model": ({"models": ["m" * 257]}, "models", "entry 0"),
    "a list among the models": ({"models": [["gpt-4o"]]}, "models", "entry 0"),
    "10,000 models": ({"models": [f"model-{i}" for i in range(10_000)]}, "models", "at most 1000"),
    "a negative limit": ({"limit": -1}, "limit", "whole number of tokens"),
    "an absurd limit": ({"limit": 10**15 + 1}, "limit", "whole number of tokens"),
    "a limit of many digits": ({"limit": 10**400}, "limit", "whole number of tokens"),
    "a fraction for a limit": ({"limit": 1.5}, "limit", "whole number of tokens"),
    "a float for a limit": ({"limit": 1e6}, "limit", "whole number of tokens"),
    "true for a limit": ({"limit": True}, "limit", "whole number of tokens"),
    "a text for a limit": ({"limit": "1000"}, "limit", "whole number of tokens"),
    "a list for a limit": ({"limit": [1]}, "limit", "whole number of tokens"),
    "no number for a limit": ({"limit": float("nan")}, "limit", "whole number of tokens"),
    "an infinite limit": ({"limit": float("inf")}, "limit", "whole number of tokens"),
    "an unknown counting": ({"counting": "twice"}, "counting", "documented"),
    "an unknown field": ({"limits": 5}, "limits", "not permitted"),
    "usage from outside": ({"usage": {"in": 5}}, "usage", "not permitted"),
}
BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"name=x&models=y",
    "half of JSON": b'{"name": "x", ',
    "a list": b"[]",
    "a text": b'"group"',
    "null": b"null",
    "no UTF-8": b'{"name": "\xff\xfe", "models": []}',
    "deep nesting": b'{"name": "x", "models": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "five megabytes": json.dumps({"name": "x" * 5_000_000, "models": []}).encode(),
}
JSON_TYPE = {"Content-Type": "application/json"}


def assert_refused(answer: httpx.Response, field: str, words: str) -> None:
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["detail"]
    assert error["loc"] == ["body", field]
    assert words in error["msg"]
    assert len(answer.content) < 1_000


class TestOfAGroup:
    @pytest.mark.parametrize(("change", "field", "words"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
    def test_names_the_field_and_stores_nothing(
        self, admin: Client, change: dict[str, Any], field: str, words: str
    ) -> None:
        body = json.dumps({"name": "new", "models": ["gpt-4o"], "limit": 5} | change)
        assert_refused(admin.post(GROUPS, content=body, headers=JSON_TYPE), field, words)
        assert admin.usage_groups() == {}

    @pytest.mark.parametrize(
        ("change", "field", "words"),
        [case for case in BAD_FIELDS.values() if "name" not in case[0]],
        ids=[name for name, case in BAD_FIELDS.items() if "name" not in case[0]],
    )
    def test_changes_nothing(self, admin: Client, change: dict[str, Any], field: str, words: str) -> None:
        admin.add_group("existing", ["gpt-4o"], 5)
        before = admin.usage_groups()
        answer = admin.put(f"{GROUPS}/existing", content=json.dumps({"limit": 6} | change), headers=JSON_TYPE)
        assert_refused(answer, field, words)
        assert admin.usage_groups() == before

    @pytest.mark.parametrize("missing", ["name", "models"])
    def test_says_what_is_missing(self, admin: Client, missing: str) -> None:
        body = {"name": "new", "models": ["gpt-4o"]}
        del body[missing]
        assert_refused(admin.post(GROUPS, json=body), missing, "required")

    @pytest.mark.parametrize("content", BAD_BODIES.values(), ids=BAD_BODIES.keys())
    @pytest.mark.parametrize(("method", "path"), [("POST", GROUPS), ("PUT", f"{GROUPS}/existing")])
    def test_of_any_kind_is_refused(self, admin: Client, method: str, path: str, content: bytes) -> None:
        admin.add_group("existing", ["gpt-4o"], 5)
        before = admin.usage_groups()
        answer = admin.http.request(method, path, content=content, headers=JSON_TYPE)
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["detail"]
        assert len(answer.content) < 10_000
        assert admin.usage_groups() == before


class TestOfABudget:
    @pytest.mark.parametrize(
        ("form", "field", "words"),
        [
            ({"limit": 10**9 + 1, "unit": "usd"}, "limit", "at most 1000000000 US dollars"),
            ({"limit": 10**15 + 1}, "limit", "0 to"),
            ({"limit": 10**400}, "limit", "0 to"),
            ({"limit": 0.5}, "limit", "whole number of tokens"),
            ({"limit": 0.5, "unit": "requests"}, "limit", "whole number of requests"),
            ({"models": ["gpt-4o"], "group": "some"}, "group", "not both"),
            ({"scope": {"kind": "user", "id": ""}}, "scope", "1 to 100 characters"),
            ({"scope": {"kind": "user", "id": "a\x00b"}}, "scope", "characters"),
            ({"scope": {"kind": "user", "id": "\ud800"}}, "scope", "characters"),
            ({"scope": {"kind": "somebody"}}, "scope", "each_user"),
        ],
    )
    def test_names_the_field_and_stores_nothing(
        self, admin: Client, form: dict[str, Any], field: str, words: str
    ) -> None:
        content = json.dumps({"name": "new", "limit": 5, **form})
        answer = admin.post(BUDGETS, content=content, headers=JSON_TYPE)
        assert answer.status_code == 422, answer.text
        [wrong] = answer.json()["detail"]
        assert field in wrong["loc"]
        assert words in wrong["msg"]
        assert admin.request("GET", BUDGETS) == {"budgets": []}

    def test_is_another_unit_without_another_limit(self, admin: Client) -> None:
        admin.request("POST", BUDGETS, {"name": "existing", "limit": 5})
        answer = admin.put(f"{BUDGETS}/existing", json={"unit": "usd"})
        assert_refused(answer, "limit", "must be given together with another unit")

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_is_a_usage_group_that_does_not_exist(self, admin: Client, method: str) -> None:
        if method == "PUT":
            admin.request("POST", BUDGETS, {"name": "existing", "limit": 5})
        form = {"group": "no such group", **({"name": "new", "limit": 5} if method == "POST" else {})}
        answer = admin.http.request(method, BUDGETS + ("/existing" if method == "PUT" else ""), json=form)
        assert answer.status_code == 422
        assert answer.json()["detail"] == [
            {"type": "group", "loc": ["body", "group"], "msg": 'there is no usage group "no such group"'}
        ]
        assert [each["group"] for each in admin.request("GET", BUDGETS)["budgets"]] == ([None] * (method == "PUT"))


class TestOfAPrice:
    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("input", -1, "must be a number, 0 to 1000000 (got -1)"),
            ("output", 10**6 + 1, "must be a number, 0 to 1000000 (got 1000001)"),
            ("input", None, "input must be a number, not null"),
            ("output", None, "output must be a number, not null"),
            ("request", None, "request must be a number, not null"),
            ("cached_input", "x", "must be a number, 0 to 1000000 (got 'x')"),
            ("cache_write", True, "must be a number, 0 to 1000000 (got True)"),
            ("model", "", "must be a model id or a glob of 1 to 256 characters"),
            ("more", 1, "not permitted"),
        ],
    )
    def test_names_the_field_and_stores_nothing(self, admin: Client, field: str, value: Any, words: str) -> None:
        answer = admin.put(PRICES, json={"model": "gpt-4o", "input": 1, "output": 1, field: value})
        assert_refused(answer, field, words)
        assert admin.request("GET", PRICES) == {"prices": []}


@pytest.mark.parametrize("path", ["groups/a%00b", "budgets/a%00b", "prices/a%00b"])
def test_a_name_that_no_database_takes_is_not_found(admin: Client, path: str) -> None:
    assert admin.delete(f"/api/usage/{path}").status_code == 404
