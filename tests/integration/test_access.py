"""Who may do and know what: every endpoint, and every way by which somebody could learn what is not for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.services import Postgres

MESSAGES = [{"role": "user", "content": "Hello there"}]
BUDGET = {"name": "made", "limit": 5}
PRICE = {"model": "made", "input": 1, "output": 2}
METRICS = "/api/usage/metrics"
METRICS_TOKEN = "of-a-monitoring-system"

# Each with a body that would do, and who may: everybody who is signed in, or admins.
ENDPOINTS: dict[tuple[str, str], tuple[Any, str]] = {
    ("GET", "/api/usage/groups"): (None, "user"),
    ("POST", "/api/usage/groups"): ({"name": "made", "models": ["gpt-4o"]}, "admin"),
    ("PUT", "/api/usage/groups/{name}"): ({"limit": 5}, "admin"),
    ("DELETE", "/api/usage/groups/{name}"): (None, "admin"),
    ("POST", "/api/usage/groups/{name}/reset"): (None, "admin"),
    ("POST", "/api/usage/budgets/{name}/reset"): (None, "admin"),
    ("GET", "/api/usage/budgets"): (None, "admin"),
    ("POST", "/api/usage/budgets"): (BUDGET, "admin"),
    ("PUT", "/api/usage/budgets/{name}"): ({"limit": 5}, "admin"),
    ("DELETE", "/api/usage/budgets/{name}"): (None, "admin"),
    ("POST", "/api/usage/budgets/preview"): (BUDGET, "admin"),
    ("GET", "/api/usage/budgets/{name}/credits"): (None, "admin"),
    ("POST", "/api/usage/budgets/{name}/credits"): ({"amount": 5}, "admin"),
    ("DELETE", "/api/usage/budgets/{name}/credits/{id}"): (None, "admin"),
    ("GET", "/api/usage/journal"): (None, "admin"),
    ("GET", "/api/usage/refusals"): (None, "admin"),
    ("GET", "/api/usage/forecast"): (None, "admin"),
    ("GET", "/api/usage/me/forecast"): (None, "user"),
    ("GET", "/api/usage/prices"): (None, "admin"),
    ("PUT", "/api/usage/prices"): (PRICE, "admin"),
    ("DELETE", "/api/usage/prices/{model}"): (None, "admin"),
    ("GET", "/api/usage/health"): (None, "admin"),
    ("GET", METRICS): (None, "admin"),
    ("GET", "/api/usage/reports"): (None, "admin"),
    ("GET", "/api/usage/me/report"): (None, "user"),
    ("GET", "/api/usage/calls"): (None, "admin"),
    ("GET", "/api/usage/me/calls"): (None, "user"),
    ("GET", "/api/usage/calls/{id}"): (None, "admin"),
    ("GET", "/api/usage/unusual-users"): (None, "admin"),
    ("GET", "/api/usage/views"): (None, "user"),
    ("GET", "/api/usage/views/{name}"): (None, "user"),
    ("PUT", "/api/usage/views/{name}"): ({"page": "overview", "state": ""}, "user"),
    ("DELETE", "/api/usage/views/{name}"): (None, "user"),
    ("GET", "/api/usage/export/focus"): (None, "admin"),
    ("GET", "/api/usage/cost-centers"): (None, "admin"),
    ("PUT", "/api/usage/cost-centers"): ({"cost_centers": []}, "admin"),
    ("GET", "/api/usage/prices/effective"): (None, "admin"),
    ("GET", "/api/usage/directory/models"): (None, "admin"),
    ("GET", "/api/usage/directory/users"): (None, "admin"),
    ("GET", "/api/usage/directory/user-groups"): (None, "admin"),
    ("GET", "/api/usage/readers"): (None, "admin"),
    ("PUT", "/api/usage/readers"): (
        {"of_everybody": ["Finance", "Auditors"], "of_own_groups": ["Team leads"]},
        "admin",
    ),
    ("GET", "/api/usage/webhook"): (None, "admin"),
    ("POST", "/api/usage/webhook/test"): (None, "admin"),
    ("GET", "/api/usage/config"): (None, "admin"),
    ("POST", "/api/usage/config"): (None, "admin"),
    ("GET", "/api/usage/me"): (None, "user"),
    ("GET", "/api/usage/me/access"): (None, "user"),
    ("GET", "/api/usage/me/chats"): (None, "user"),
    ("GET", "/api/usage/me/limit"): (None, "user"),
    ("PUT", "/api/usage/me/limit"): ({"limit": 5}, "user"),
    ("GET", "/api/usage/page"): (None, "user"),
    ("GET", "/api/usage/typical"): (None, "user"),
}
FILES = {
    ("GET", "/api/usage/export/focus"): "text/csv; charset=utf-8",
    ("GET", "/api/usage/config"): "application/yaml",
    ("GET", METRICS): "text/plain; version=",
}
EVERY_DAY = {
    ("GET", "/api/usage/groups"),
    ("POST", "/api/usage/groups"),
    ("PUT", "/api/usage/budgets/{name}"),
    ("DELETE", "/api/usage/prices/{model}"),
    ("GET", "/api/usage/reports"),
    ("GET", "/api/usage/calls/{id}"),
    ("GET", "/api/usage/export/focus"),
    ("GET", "/api/usage/config"),
    ("PUT", "/api/usage/views/{name}"),
    ("GET", "/api/usage/me"),
    ("GET", METRICS),
}
"""One for each way in which an endpoint asks who somebody is; the others in `tests/run --all`. Strangers, users and
admins try all of them in `tests/unit/api/test_documentation.py`.
"""
PEOPLE = {
    "nobody": "nothing",
    "a bad token": "nothing",
    "a bad key": "nothing",
    "a pending user": "nothing",
    "the metrics' token": "nothing",
    "a user": "user",
    "a user's key": "user",
    "a user's cookie": "user",
    "the admin": "admin",
    "the admin's key": "admin",
    "the admin's cookie": "admin",
}


@pytest.fixture(scope="module")
def server(new_openwebui: Callable[..., OpenWebUI], postgres: Postgres) -> Iterator[OpenWebUI]:
    """As in production: PostgreSQL, and models only for those whom they are shared with."""
    env = {
        "BYPASS_MODEL_ACCESS_CONTROL": "false",
        "OPENWEBUI_USAGE_REPORT_READERS": "Finance, Auditors",
        "OPENWEBUI_USAGE_GROUP_REPORT_READERS": "Team leads",
        "OPENWEBUI_USAGE_WEBHOOK_URL": "http://127.0.0.1:9/nobody-listens",
        "OPENWEBUI_USAGE_METRICS_TOKEN": METRICS_TOKEN,
    }
    server = new_openwebui(env=env, database_url=postgres.new_database())
    try:
        server.start()
        server.admin.models(refresh=True)
        server.admin.add_model("gpt-4o-mini", public=True)
        server.admin.add_model("o3-mini", public=False)
        yield server
    finally:
        server.discard()


@pytest.fixture
def admin(server: OpenWebUI, provider: Provider) -> Iterator[Client]:
    yield server.admin
    server.admin.forget_definitions()


@pytest.fixture
def user(admin: Client) -> Iterator[Client]:
    client = admin.add_user()
    yield client
    client.close()


@pytest.fixture(scope="module")
def people(server: OpenWebUI) -> Iterator[dict[str, Client]]:
    user = server.admin.add_user()
    people = {
        "nobody": server.anonymous(),
        "a bad token": Client(server.url, "not.a.token"),
        "a bad key": Client(server.url, "sk-0123456789"),
        "a pending user": server.admin.add_user(role="pending"),
        "the metrics' token": Client(server.url, METRICS_TOKEN),
        "a user": user,
        "a user's key": user.with_api_key(),
        "a user's cookie": Client(server.url),
        "the admin": Client(server.url, server.admin.token),
        "the admin's key": server.admin.with_api_key(),
        "the admin's cookie": Client(server.url),
    }
    people["a user's cookie"].http.cookies.set("token", str(user.token))
    people["the admin's cookie"].http.cookies.set("token", str(server.admin.token))
    yield people
    for client in people.values():
        client.close()


@pytest.fixture(scope="module")
def call(server: OpenWebUI) -> str:
    """The id of a call that is in the ledger."""
    server.admin.chat("gpt-4o-mini", "Hello there")
    [found] = server.admin.request("GET", "/api/usage/calls?limit=1")["calls"]
    return str(found["id"])


def test_the_table_has_every_endpoint(server: OpenWebUI) -> None:
    paths = server.admin.request("GET", "/api/usage/openapi.json")["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert served == set(ENDPOINTS)


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(each, id=" ".join(each), marks=() if each in EVERY_DAY else pytest.mark.nightly)
        for each in ENDPOINTS
    ],
)
def test_who_may_do_what(people: dict[str, Client], admin: Client, call: str, endpoint: tuple[str, str]) -> None:
    (method, path), (body, needed) = endpoint, ENDPOINTS[endpoint]
    define(admin)
    before = everything(admin)
    for who, is_as in PEOPLE.items():
        if "/views/" in path:
            people[who].http.put("/api/usage/views/existing", json={"page": "overview", "state": ""})
        id_ = credit(admin) if "/credits/" in path else call
        filled = path.format(name="existing", model="existing", id=id_)
        answer = people[who].http.request(method, filled, json=body)
        expected = 401 if is_as == "nothing" else 403 if (needed, is_as) == ("admin", "user") else 200
        if (who, path) == ("the metrics' token", METRICS):
            expected = 200
        assert answer.status_code == expected, f"{who}: {answer.text}"
        kind = FILES.get(endpoint, "application/json") if expected == 200 else "application/json"
        assert answer.headers["content-type"].startswith(kind), who
        if expected != 200:
            assert set(answer.json()) == {"detail"}
            assert method == "GET" or everything(admin) == before, who
        elif method != "GET":
            clear(admin)
            define(admin)
            before = everything(admin)


def define(admin: Client) -> None:
    """One of each is there."""
    admin.add_group("existing", ["gpt-4o-mini"])
    admin.request("POST", "/api/usage/budgets", {"name": "existing", "limit": 7})
    admin.request("PUT", "/api/usage/prices", {"model": "existing", "input": 1, "output": 1})


def credit(admin: Client) -> str:
    """The id of one that the budget has."""
    given = admin.request("POST", "/api/usage/budgets/existing/credits", {"amount": 5})
    return str(given["credit"]["id"])


def everything(admin: Client) -> list[Any]:
    return [admin.request("GET", f"/api/usage/{what}") for what in ("groups", "budgets", "prices")]


def clear(admin: Client) -> None:
    for what, name in (
        ("groups", "existing"),
        ("groups", "made"),
        ("budgets", "existing"),
        ("budgets", "made"),
        ("prices", "existing"),
        ("prices", "made"),
    ):
        admin.delete(f"/api/usage/{what}/{name}")


@pytest.mark.parametrize("path", ["groups/a%00b", "budgets/a%00b", "prices/a%00b", "prices/a/../%00"])
def test_a_name_that_no_database_takes_is_not_found(admin: Client, path: str) -> None:
    assert admin.delete(f"/api/usage/{path}").status_code == 404


SECRET = "hush-hush"


@pytest.fixture
def secrets(admin: Client) -> Client:
    """Somebody else, whose numbers are nobody's business, and definitions for a model that is not shared."""
    other = admin.add_user()
    admin.add_group(f"{SECRET} group", ["o3-mini"], 0)
    budgets: list[dict[str, Any]] = [
        {"name": f"{SECRET} model", "models": ["o3-mini"], "limit": 10**6},
        {"name": f"{SECRET} pointer", "group": f"{SECRET} group", "limit": 10**6},
        {"name": f"{SECRET} each", "scope": {"kind": "each_user"}, "models": ["o3*"], "limit": 10**6},
        {"name": f"{SECRET} other", "scope": {"kind": "user", "id": other.id}, "limit": 10**6},
        {"name": f"{SECRET} members", "scope": {"kind": "group", "id": "not-theirs"}, "limit": 10**6},
        {"name": "own", "scope": {"kind": "each_user"}, "unit": "requests", "limit": 10**6},
    ]
    for budget in budgets:
        admin.request("POST", "/api/usage/budgets", budget)
    return other


def test_a_user_learns_of_nothing_but_his_own(user: Client, secrets: Client) -> None:
    for _ in range(3):
        secrets.chat("gpt-4o-mini")
    user.chat("gpt-4o-mini")
    for path in ("groups", "me", "page"):
        assert SECRET not in user.get(f"/api/usage/{path}").text
    [own] = user.request("GET", "/api/usage/me")["budgets"]
    assert (own["name"], own["used"]) == ("own", 1)
    [theirs] = [each for each in secrets.request("GET", "/api/usage/me")["budgets"] if each["name"] == "own"]
    assert theirs["used"] == 3


def test_who_reads_reports_of_whom(admin: Client) -> None:
    groups = {name: made_group(admin, name) for name in ("Finance", "Team leads", "Sales", "Research")}
    members = {
        "a reader": ["Finance"],
        "a lead of Sales": ["Team leads", "Sales"],
        "a seller": ["Sales"],
        "a lead of Research": ["Team leads", "Research"],
        "somebody": [],
    }
    people = {}
    for who, names in members.items():
        people[who] = client = admin.add_user()
        for name in names:
            admin.request("POST", f"/api/v1/groups/id/{groups[name]}/users/add", {"user_ids": [client.id]})
    for client in people.values():
        client.chat("gpt-4o-mini")
    team = {"a lead of Sales", "a seller"}
    seen = {
        "a reader": set(people),
        "a lead of Sales": team,
        "a lead of Research": {"a lead of Research"},
        "a seller": None,
        "somebody": None,
    }
    names = {client.id: who for who, client in people.items()}
    for who, expected in seen.items():
        answer = people[who].get("/api/usage/reports?group_by=user")
        assert answer.status_code == (403 if expected is None else 200), who
        if expected is not None:
            found = {row["user"]["id"] for row in answer.json()["rows"] if isinstance(row["user"], dict)}
            assert {names[id_] for id_ in found if id_ in names} == expected, who
            assert who == "a reader" or found <= names.keys()
        own = people[who].request("GET", "/api/usage/me/report?group_by=user")
        assert [row["user"]["id"] for row in own["rows"]] == [people[who].id]
    for id_ in groups.values():
        admin.request("DELETE", f"/api/v1/groups/id/{id_}/delete")
    for client in people.values():
        client.close()


def made_group(admin: Client, name: str) -> str:
    """The id of a new user group."""
    group: dict[str, str] = admin.request("POST", "/api/v1/groups/create", {"name": name, "description": ""})
    return group["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat/completions", {"messages": MESSAGES}),
        ("/api/chat/completions", {"messages": MESSAGES, "stream": True, "session_id": "mine"}),
        ("/openai/chat/completions", {"messages": MESSAGES}),
        ("/api/v1/messages", {"messages": MESSAGES, "max_tokens": 5}),
        ("/api/v1/tasks/title/completions", {"messages": MESSAGES, "chat_id": "x"}),
    ],
)
def test_a_refusal_names_no_group_of_a_model_that_is_not_shared(
    user: Client, secrets: Client, provider: Provider, path: str, body: dict[str, Any]
) -> None:
    answer = user.post(path, json={"model": "o3-mini", **body})
    assert SECRET not in answer.text + str(answer.headers)
    assert not [name for name in answer.headers if name.startswith("ratelimit")]
    assert provider.calls("o3-mini") == []


def test_the_event_tells_a_user_of_nothing_but_his_own(admin: Client, user: Client, secrets: Client) -> None:
    admin.add_group("shared", ["gpt-4o-mini"], 10**6)
    admin.request("PUT", f"/api/usage/groups/{SECRET}%20group", {"limit": 10**6})
    with user.ui() as mine, admin.ui() as page:
        admin.chat("o3-mini")
        secrets.chat("gpt-4o-mini")
        user.chat("gpt-4o-mini")

        def told(name: str, events: list[dict[str, Any]]) -> int:
            groups = [event["groups"].get(name) for event in list(events)]
            return max((group["usage"]["calls"] for group in groups if group), default=0)

        wait_until(lambda: told("shared", mine.usage) == 2, timeout=10, what="the event came")
        wait_until(lambda: told(f"{SECRET} group", page.usage) == 1, timeout=10, what="the admin was told")
        wait_until(lambda: _own_use(mine.usage) == 1, timeout=10, what="the user's own budget came")
    assert SECRET not in json.dumps(mine.usage)
    assert {_own_use([event]) for event in mine.usage} <= {None, 0, 1}, "another's numbers are another's"


def _own_use(events: list[dict[str, Any]]) -> int | None:
    used = [budget["used"] for event in events for budget in event.get("budgets", ()) if budget["name"] == "own"]
    return used[-1] if used else None
