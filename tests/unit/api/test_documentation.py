"""What OpenAPI says of the endpoints is so: each answer that it lists is given, and none that it does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from sqlalchemy import insert

from openwebui_usage.api import credit_body, requests
from openwebui_usage.api.fields import MAX_LIMIT, MAX_MODEL_ID, MAX_MODELS, MAX_NAME, MAX_PRICE, MAX_SOFT_LIMITS
from openwebui_usage.api.readers import FixedReaders
from openwebui_usage.ledger.schema import usage_credit
from openwebui_usage.ledger.views import View
from openwebui_usage.rules.credits import Credit
from tests.support.clients import Client
from tests.support.router import Router
from tests.support.tables import dbapi_connection

BASE = "/api/usage"
GROUP, BUDGET, PRICE = (
    {"name": "made", "models": ["gpt-4o"]},
    {"name": "made", "limit": 5},
    {"model": "made", "input": 1, "output": 2},
)
VIEW = {"page": "overview", "state": "range=week"}
CALL = f"{10**18:016x}{1:016x}"
NO_JSON = b'{"name": '
TOO_LONG = {"name": "x" * 101}

# For each endpoint and each status that it may answer: what is asked for, with which body (bytes as they are).
ANSWERS: dict[str, dict[int, tuple[str, Any]]] = {
    "GET /groups": {200: ("/groups", None)},
    "POST /groups": {
        200: ("/groups", GROUP),
        400: ("/groups", b"\xff"),
        409: ("/groups", GROUP | {"name": "existing"}),
        422: ("/groups", NO_JSON),
    },
    "PUT /groups/{name}": {
        200: ("/groups/existing", {"limit": 5}),
        400: ("/groups/existing", b"\xff"),
        404: ("/groups/none", {"limit": 5}),
        409: ("/groups/existing", {"period": "day"}),
        422: ("/groups/existing", TOO_LONG),
    },
    "DELETE /groups/{name}": {
        200: ("/groups/unused", None),
        404: ("/groups/none", None),
        409: ("/groups/existing", None),
        422: ("/groups/existing?cascade=perhaps", None),
    },
    "POST /groups/{name}/reset": {200: ("/groups/existing/reset", None), 404: ("/groups/none/reset", None)},
    "GET /budgets": {200: ("/budgets", None)},
    "POST /budgets": {
        200: ("/budgets", BUDGET),
        400: ("/budgets", b"\xff"),
        409: ("/budgets", BUDGET | {"name": "existing"}),
        422: ("/budgets", BUDGET | {"group": "none"}),
    },
    "PUT /budgets/{name}": {
        200: ("/budgets/existing", {"limit": 5}),
        400: ("/budgets/existing", b"\xff"),
        404: ("/budgets/none", {"limit": 5}),
        409: ("/budgets/existing", {"period": "day"}),
        422: ("/budgets/existing", {"unit": "usd"}),
    },
    "POST /budgets/{name}/reset": {200: ("/budgets/existing/reset", None), 404: ("/budgets/none/reset", None)},
    "DELETE /budgets/{name}": {200: ("/budgets/existing", None), 404: ("/budgets/none", None)},
    "GET /budgets/{name}/credits": {200: ("/budgets/existing/credits", None), 404: ("/budgets/none/credits", None)},
    "POST /budgets/{name}/credits": {
        200: ("/budgets/of%20a%20group/credits", {"amount": 5, "note": "once"}),
        400: ("/budgets/existing/credits", b"\xff"),
        404: ("/budgets/none/credits", {"amount": 5}),
        422: ("/budgets/existing/credits", {"amount": 0}),
    },
    "DELETE /budgets/{name}/credits/{id}": {
        200: ("/budgets/existing/credits/0123", None),
        404: ("/budgets/existing/credits/none", None),
    },
    "GET /journal": {200: ("/journal?limit=5", None), 422: ("/journal?limit=0", None)},
    "POST /budgets/preview": {
        200: ("/budgets/preview", BUDGET),
        400: ("/budgets/preview", b"\xff"),
        422: ("/budgets/preview", BUDGET | {"from": "soon"}),
    },
    "GET /refusals": {200: ("/refusals?user=ann", None), 422: ("/refusals?tz=Mars", None)},
    "GET /forecast": {200: ("/forecast", None)},
    "GET /me/forecast": {200: ("/me/forecast", None)},
    "GET /prices": {200: ("/prices", None)},
    "PUT /prices": {200: ("/prices", PRICE), 400: ("/prices", b"\xff"), 422: ("/prices", PRICE | {"input": -1})},
    "DELETE /prices/{model}": {200: ("/prices/existing", None), 404: ("/prices/none", None)},
    "GET /reports": {
        200: ("/reports?group_by=model,connection&compare=previous&latency=true", None),
        422: ("/reports?top=0", None),
    },
    "GET /me/report": {200: ("/me/report?bucket=day", None), 422: ("/me/report?tz=Nowhere", None)},
    "GET /calls": {200: ("/calls?limit=5&model=*", None), 422: ("/calls?limit=1001", None)},
    "GET /calls/{id}": {
        200: (f"/calls/{CALL}", None),
        404: ("/calls/0000000000000001", None),
        422: (f"/calls/{CALL}?tz=Mars", None),
    },
    "GET /unusual-users": {200: ("/unusual-users?least_tokens=1", None), 422: ("/unusual-users?deviations=0", None)},
    "GET /views": {200: ("/views", None)},
    "GET /views/{name}": {
        200: ("/views/existing", None),
        404: ("/views/none", None),
        422: ("/views/existing?shared=perhaps", None),
    },
    "PUT /views/{name}": {
        200: ("/views/made", VIEW),
        400: ("/views/made", b"\xff"),
        409: ("/views/one%20more", VIEW),
        422: ("/views/made", VIEW | {"state": "a b"}),
    },
    "DELETE /views/{name}": {
        200: ("/views/existing", None),
        404: ("/views/none", None),
        422: ("/views/existing?shared=perhaps", None),
    },
    "GET /me/calls": {200: ("/me/calls", None), 422: ("/me/calls?before=-", None)},
    "GET /export/focus": {200: ("/export/focus?month=2026-11", None), 422: ("/export/focus?month=2026-13", None)},
    "GET /cost-centers": {200: ("/cost-centers", None)},
    "PUT /cost-centers": {
        200: ("/cost-centers", {"cost_centers": [{"user_group": "staff", "cost_center": "4711"}]}),
        400: ("/cost-centers", b"\xff"),
        422: ("/cost-centers", {"cost_centers": [{"user_group": "staff"}]}),
    },
    "GET /prices/effective": {200: ("/prices/effective", None)},
    "GET /directory/models": {200: ("/directory/models", None)},
    "GET /directory/users": {200: ("/directory/users?search=u", None), 422: ("/directory/users?search=%00", None)},
    "GET /directory/user-groups": {
        200: ("/directory/user-groups?id=staff", None),
        422: ("/directory/user-groups?id=%00", None),
    },
    "GET /readers": {200: ("/readers", None)},
    "PUT /readers": {
        200: ("/readers", {"of_everybody": ["Finance"]}),
        400: ("/readers", b"\xff"),
        422: ("/readers", {"of_everybody": "Finance"}),
    },
    "GET /webhook": {200: ("/webhook", None)},
    "POST /webhook/test": {200: ("/webhook/test", None)},
    "GET /config": {200: ("/config", None)},
    "POST /config": {
        200: ("/config?dry_run=true", b"groups: []"),
        409: ("/config?prune=true", b"groups: []"),
        422: ("/config", b"groups: 1"),
    },
    "GET /me": {200: ("/me", None)},
    "GET /me/limit": {200: ("/me/limit", None)},
    "PUT /me/limit": {
        200: ("/me/limit", {"limit": 2.5, "unit": "usd"}),
        400: ("/me/limit", b"\xff"),
        422: ("/me/limit", {"limit": 2.5}),
    },
    "GET /me/chats": {200: ("/me/chats?tz=Europe/Berlin", None), 422: ("/me/chats?from=soon", None)},
    "GET /me/access": {200: ("/me/access", None)},
    "GET /page": {200: ("/page?lang=de", None)},
    "GET /typical": {200: ("/typical", None)},
    "GET /health": {200: ("/health", None)},
    "GET /metrics": {200: ("/metrics", None)},
}
FOR_ALL = {"GET /groups", "GET /page", "GET /typical"} | {endpoint for endpoint in ANSWERS if " /me/" in f"{endpoint}/"}
FOR_ALL |= {"GET /views", "GET /views/{name}", "PUT /views/{name}", "DELETE /views/{name}"}
FOR_READERS_IN_PART = {"GET /views/{name}", "PUT /views/{name}", "DELETE /views/{name}"}
FOR_ADMINS = {endpoint for endpoint in ANSWERS if endpoint not in FOR_ALL}
WITHOUT_LEDGER = {
    "GET /health",
    "GET /metrics",
    "GET /me/access",
    "GET /typical",
    "GET /directory/models",
    "GET /directory/users",
    "GET /directory/user-groups",
    "POST /webhook/test",
}
UNREACHED = {
    422: {
        "GET /budgets/{name}/credits",
        "DELETE /budgets/{name}/credits/{id}",
        "POST /groups/{name}/reset",
        "POST /budgets/{name}/reset",
        "DELETE /budgets/{name}",
        "DELETE /prices/{model}",
        "GET /page",
    },
    409: {"POST /webhook/test"},
    503: {"GET /me/access"},
}
"""FastAPI documents a 422 for whatever has a parameter, though any text does; here there is a webhook; and of an admin
the ledger is not asked.
"""


@pytest.fixture(scope="module")
def admin(shared_admin: Client) -> Client:
    return shared_admin


@pytest.fixture(scope="module")
def furnished(admin: Client, router: Router) -> Iterator[sqlite3.Connection]:
    """A ledger of whatever an answer may show: limits and none, money and tokens, periods and none, prices known and
    not.
    """
    admin.add_group("existing", ["gpt-4o"], 100)
    admin.add_group("unused", ["o3"], period="month", timezone="Europe/Berlin")
    budgets: list[dict[str, Any]] = [
        {"name": "existing", "limit": 7},
        {"name": "of a group", "limit": 2.5, "unit": "usd", "group": "existing", "scope": {"kind": "each_user"}},
        {"name": "only counted", "limit": None, "period": "week", "scope": {"kind": "group", "id": "staff"}},
    ]
    for budget in budgets:
        admin.request("POST", f"{BASE}/budgets", budget)
    admin.request("PUT", f"{BASE}/prices", {"model": "existing", "input": 1, "output": 0.5, "cached_input": 0.1})
    with router.engine.begin() as connection:
        credit = Credit("0123", "existing", 5, expires_at=4e9)
        connection.execute(insert(usage_credit), asdict(credit))
    router.record("gpt-4o", "o3", reasoning=3)
    router.record_call(CALL)
    for user in ("admin", "user"):
        for name in ("existing", "made"):
            router.store.views.put(View(name, "overview", "", False, user, user), is_admin=False)
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with router.engine.connect() as connection:
        dbapi_connection(connection).backup(copy)
    yield copy
    copy.close()


@pytest.fixture
def definitions(router: Router, furnished: sqlite3.Connection) -> None:
    """All of that, as if no test had changed it."""
    with router.engine.connect() as connection:
        furnished.backup(dbapi_connection(connection))


def asked(client: Client, endpoint: str, path: str, body: Any) -> int:
    """The status of the answer, which the client has held against the documentation."""
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"Content-Type": "application/json"} if body is not None else {}
    return client.http.request(endpoint.split()[0], BASE + path, headers=headers, **content).status_code


def documented(router: Router) -> dict[str, set[int]]:
    return {
        f"{method.upper()} {path.removeprefix(BASE)}": {int(status) for status in operation["responses"]}
        for path, operations in router.documented.openapi["paths"].items()
        for method, operation in operations.items()
    }


def test_the_table_has_every_answer(router: Router) -> None:
    expected = {}
    for endpoint, statuses in ANSWERS.items():
        expected[endpoint] = {*statuses, 401}
        expected[endpoint] |= {403} if endpoint in FOR_ADMINS | FOR_READERS_IN_PART else set()
        expected[endpoint] |= set() if endpoint in WITHOUT_LEDGER else {503}
        expected[endpoint] |= {status for status, endpoints in UNREACHED.items() if endpoint in endpoints}
    assert documented(router) == expected


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize(
    ("endpoint", "status"), [(endpoint, status) for endpoint, statuses in ANSWERS.items() for status in statuses]
)
def test_each_answer_is_given_as_it_is_documented(
    admin: Client, monkeypatch: pytest.MonkeyPatch, endpoint: str, status: int
) -> None:
    if status == 409:
        for room in ("group_store", "budget_store"):  # As if somebody were always faster.
            monkeypatch.setattr(f"openwebui_usage.ledger.{room}._MOST_RECOUNTS", 0)
        monkeypatch.setattr("openwebui_usage.ledger.views.MOST_VIEWS", 0)
    path, body = ANSWERS[endpoint][status]
    assert asked(admin, endpoint, path, body) == status


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("endpoint", ANSWERS)
def test_strangers_and_users_are_told_so(nobody: Client, user: Client, endpoint: str) -> None:
    path, body = ANSWERS[endpoint][200]
    assert asked(nobody, endpoint, path, body) == 401
    assert asked(user, endpoint, path, body) == (403 if endpoint in FOR_ADMINS else 200)


def test_a_ledger_that_is_away_is_told_of(tmp_path: Path) -> None:
    router = Router(tmp_path, FixedReaders())  # There are no tables.
    with router.client("admin") as admin:
        answers = {endpoint: asked(admin, endpoint, *asks[200]) for endpoint, asks in ANSWERS.items()}
    router.engine.dispose()
    assert answers == {endpoint: 200 if endpoint in WITHOUT_LEDGER else 503 for endpoint in ANSWERS}


def bodies(router: Router) -> dict[str, dict[str, Any]]:
    """What is documented of the body of each endpoint that has one, but for files."""
    return {
        f"{method.upper()} {path.removeprefix(BASE)}": operation["requestBody"]["content"]["application/json"]
        for path, operations in router.documented.openapi["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }


@pytest.mark.usefixtures("definitions")
def test_each_body_has_examples_that_work(router: Router, admin: Client) -> None:
    found = bodies(router)
    assert set(found) == {endpoint for endpoint, answers in ANSWERS.items() if 400 in answers}
    for endpoint, body in found.items():
        assert len(body["examples"]) > 1
        for example in body["examples"].values():
            path, _ = ANSWERS[endpoint][200]
            assert asked(admin, endpoint, path, example["value"]) == 200


def fields(router: Router, schema: str) -> dict[str, Any]:
    return dict(router.documented.openapi["components"]["schemas"][schema]["properties"])


def number(field: dict[str, Any]) -> dict[str, Any]:
    """The part of a field's schema that is a number."""
    return next(part for part in field.get("anyOf", [field]) if part.get("type") in ("integer", "number"))


def test_the_bounds_of_each_body_are_told(router: Router) -> None:
    group, budget, price = (fields(router, schema) for schema in ("NewGroup", "NewBudget", "NewPrice"))
    for name in (group["name"], budget["name"]):
        assert (name["minLength"], name["maxLength"]) == (1, MAX_NAME)
    for models in (group["models"], budget["models"], fields(router, "GroupChanges")["models"]):
        assert (models["maxItems"], models["items"]["maxLength"]) == (MAX_MODELS, MAX_MODEL_ID)
    for limits in (group["soft_limits"], budget["soft_limits"]):
        assert (limits["maxItems"], limits["items"]["minimum"], limits["items"]["maximum"]) == (MAX_SOFT_LIMITS, 1, 99)
    for limit in (group["limit"], budget["limit"]):
        assert (number(limit)["minimum"], number(limit)["maximum"]) == (0, MAX_LIMIT)
    for rate in ("input", "output", "cached_input", "cache_write", "request"):
        assert (number(price[rate])["minimum"], number(price[rate])["maximum"]) == (0, MAX_PRICE)
    assert price["model"]["maxLength"] == MAX_MODEL_ID
    assert fields(router, "ScopeBody")["id"]["anyOf"][0]["maxLength"] == MAX_NAME


def test_what_a_change_leaves_out_has_no_default(router: Router) -> None:
    for schema in ("GroupChanges", "BudgetChanges"):
        assert [name for name, field in fields(router, schema).items() if "default" in field] == []
    assert fields(router, "NewBudget")["unit"]["default"] == "tokens"


def test_each_number_of_an_answer_has_its_least(router: Router) -> None:
    schemas = router.documented.openapi["components"]["schemas"]
    answers = (
        set(schemas)
        - {name for name in schemas if hasattr(requests, name) or hasattr(credit_body, name)}
        - {"InvalidField"}
    )
    unbounded = []
    for schema in answers:
        for name, field in schemas[schema].get("properties", {}).items():
            for part in (*field.get("anyOf", []), field, field.get("items", {}), field.get("additionalProperties", {})):
                if isinstance(part, dict) and part.get("type") in ("integer", "number") and "minimum" not in part:
                    unbounded.append(f"{schema}.{name}")
    assert unbounded == []


def test_each_field_has_an_example_that_it_takes(router: Router) -> None:
    components = router.documented.openapi["components"]
    for schema in components["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            has_own = "$ref" in str(field) or name in ("detail", "status")
            assert has_own or field.get("examples"), f"{schema['title']}.{name}"
            takes = jsonschema_rs.validator_for({**field, "components": components})
            assert all(takes.is_valid(example) for example in field.get("examples", ())), f"{schema['title']}.{name}"
