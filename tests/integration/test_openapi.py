"""What our OpenAPI promises, tried out: no request whatever makes the server fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.clients import Client
from tests.support.nightly import mostly_at_night
from tests.support.openwebui import OpenWebUI
from tests.support.router import Router
from tests.support.tables import give_tables

OPERATIONS = [
    ("GET", "/api/usage/groups"),
    ("POST", "/api/usage/groups"),
    ("PUT", "/api/usage/groups/{name}"),
    ("DELETE", "/api/usage/groups/{name}"),
    ("POST", "/api/usage/groups/{name}/reset"),
    ("POST", "/api/usage/budgets/{name}/reset"),
    ("GET", "/api/usage/budgets"),
    ("POST", "/api/usage/budgets"),
    ("PUT", "/api/usage/budgets/{name}"),
    ("DELETE", "/api/usage/budgets/{name}"),
    ("GET", "/api/usage/budgets/{name}/credits"),
    ("POST", "/api/usage/budgets/{name}/credits"),
    ("DELETE", "/api/usage/budgets/{name}/credits/{id}"),
    ("GET", "/api/usage/journal"),
    ("POST", "/api/usage/budgets/preview"),
    ("GET", "/api/usage/refusals"),
    ("GET", "/api/usage/forecast"),
    ("GET", "/api/usage/me/forecast"),
    ("GET", "/api/usage/prices"),
    ("PUT", "/api/usage/prices"),
    ("DELETE", "/api/usage/prices/{model}"),
    ("GET", "/api/usage/health"),
    ("GET", "/api/usage/metrics"),
    ("GET", "/api/usage/reports"),
    ("GET", "/api/usage/me/report"),
    ("GET", "/api/usage/calls"),
    ("GET", "/api/usage/me/calls"),
    ("GET", "/api/usage/calls/{id}"),
    ("GET", "/api/usage/unusual-users"),
    ("GET", "/api/usage/views"),
    ("GET", "/api/usage/views/{name}"),
    ("PUT", "/api/usage/views/{name}"),
    ("DELETE", "/api/usage/views/{name}"),
    ("GET", "/api/usage/export/focus"),
    ("GET", "/api/usage/cost-centers"),
    ("PUT", "/api/usage/cost-centers"),
    ("GET", "/api/usage/prices/effective"),
    ("GET", "/api/usage/directory/models"),
    ("GET", "/api/usage/directory/users"),
    ("GET", "/api/usage/directory/user-groups"),
    ("GET", "/api/usage/readers"),
    ("PUT", "/api/usage/readers"),
    ("GET", "/api/usage/webhook"),
    ("POST", "/api/usage/webhook/test"),
    ("GET", "/api/usage/config"),
    ("POST", "/api/usage/config"),
    ("GET", "/api/usage/me"),
    ("GET", "/api/usage/me/access"),
    ("GET", "/api/usage/me/chats"),
    ("GET", "/api/usage/me/limit"),
    ("PUT", "/api/usage/me/limit"),
    ("GET", "/api/usage/page"),
    ("GET", "/api/usage/typical"),
]


MOST_EXAMPLES = 25 if os.environ.get("OPENWEBUI_USAGE_TEST_NIGHT") else 10
EVERY_DAY = {
    ("POST", "/api/usage/groups"),
    ("PUT", "/api/usage/prices"),
    ("DELETE", "/api/usage/budgets/{name}"),
    ("GET", "/api/usage/calls"),
}
"""Of these also with all that Open WebUI lays around an endpoint; of the others in `tests/run --all`."""


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    router = Router(tmp_path_factory.mktemp("usage"))
    give_tables(router.engine)
    yield router
    router.engine.dispose()


@pytest.fixture(scope="module")
def schema(router: Router) -> Any:
    """Of the endpoints in this process."""
    return schemathesis.openapi.from_asgi("/openapi.json", router.app)


@pytest.fixture(scope="module")
def live_schema(openwebui_process: OpenWebUI) -> Any:
    """Ours of all that Open WebUI serves."""
    whole = openwebui_process.anonymous().get("/openapi.json").json()
    whole["paths"] = {path: item for path, item in whole["paths"].items() if path.startswith("/api/usage/")}
    loaded = schemathesis.openapi.from_dict(whole)
    loaded.config.update(base_url=openwebui_process.url)
    return loaded


def test_all_of_it_is_tried(live_schema: Any) -> None:
    served = {(each.ok().method.upper(), each.ok().path) for each in live_schema.get_all_operations()}
    assert served == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=map(" ".join, OPERATIONS))
def test_no_request_makes_it_fail(schema: Any, router: Router, method: str, path: str) -> None:
    # Open WebUI's own description has its sign-in as well, which a wrong request may leave out.
    takes_a_body = "requestBody" in router.app.openapi()["paths"][path][method.lower()]
    with router.client("admin") as admin:
        attempt(schema, admin, method, path, wrong=takes_a_body)


@pytest.mark.parametrize(
    ("method", "path"),
    mostly_at_night(OPERATIONS, everyday=EVERY_DAY, ids=map(" ".join, OPERATIONS)),
)
def test_no_request_makes_it_fail_in_open_webui(live_schema: Any, admin: Client, method: str, path: str) -> None:
    attempt(live_schema, admin, method, path, wrong=method != "GET")


def attempt(schema: Any, admin: Client, method: str, path: str, *, wrong: bool) -> None:
    """Requests as they are documented, and `wrong` ones, too."""
    for name in ("groups", "budgets"):
        admin.post(f"/api/usage/{name}", json={"name": "existing", "models": ["gpt-4o"], "limit": 5})
    operation = schema[path][method]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    headers = {"Authorization": f"Bearer {admin.token}"}
    seen: set[int] = set()

    for mode in modes[: 2 if wrong else 1]:

        @settings(
            max_examples=MOST_EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Any) -> None:
            answer = case.call(headers=headers, timeout=30)
            seen.add(answer.status_code)
            assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"

        one()
    assert seen & {200, 404, 422}
    admin.forget_definitions()
