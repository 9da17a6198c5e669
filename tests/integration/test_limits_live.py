"""Limits that hold, in a real Open WebUI: once a limit is reached nothing is sent upstream, however many call."""

from __future__ import annotations

import http.client
import itertools
import json
import textwrap
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.clients import Client
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.ui import TASKS

MESSAGES = [{"role": "user", "content": "Hello there"}]
BUDGETS = "/api/usage/budgets"
_numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"limit {next(_numbers)}"


@pytest.fixture(autouse=True)
def nothing_left(admin: Client) -> Iterator[None]:
    yield
    admin.forget_definitions()


def chat(client: Client, model: str = "gpt-4o-mini", **body: Any) -> httpx.Response:
    return client.post("/api/chat/completions", json={"model": model, "messages": MESSAGES, **body})


PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/api/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES}),
    "ollama model": ("/api/chat/completions", {"model": "llama3.2:latest", "messages": MESSAGES}),
    "openai": ("/openai/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES}),
    "responses": ("/openai/responses", {"model": "gpt-5-mini", "input": "Hello"}),
    "ollama": ("/ollama/api/chat", {"model": "llama3.2:latest", "messages": MESSAGES}),
    "messages": ("/api/v1/messages", {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 50}),
    "generate": ("/ollama/api/generate", {"model": "llama3.2:latest", "prompt": "Hello there"}),
    "proxy": ("/openai/completions", {"model": "gpt-4o-mini", "prompt": "Hello there"}),
    "ollama's openai": ("/ollama/v1/chat/completions", {"model": "llama3.2:latest", "messages": MESSAGES}),
    "ollama's messages": ("/ollama/v1/messages", {"model": "llama3.2:latest", "messages": MESSAGES, "max_tokens": 5}),
    "messages as they are": ("/api/v1/messages", {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 5}),
    "embeddings": ("/api/embeddings", {"model": "text-embedding-3-small", "input": "Hello"}),
    "ollama's embeddings": ("/ollama/api/embed", {"model": "nomic-embed-text:latest", "input": "Hello"}),
    "task": ("/api/v1/tasks/moa/completions", {"model": "gpt-4o-mini", "prompt": "Hello", "responses": ["Hi"]}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), PATHS.values(), ids=PATHS.keys())
def test_at_the_limit_nothing_is_sent_upstream(
    admin: Client, provider: Provider, name: str, path: str, body: dict[str, Any], stream: bool
) -> None:
    admin.models()  # Open WebUI knows no model before somebody asks for them.
    admin.add_group(name, ["*"], 0, period="month")
    answer = admin.post(path, json={**body, "stream": True} if stream else body)
    assert answer.status_code == 429, answer.text
    assert f'Usage limit reached for \\"{name}\\": 0 of 0 tokens. Resets 1 ' in answer.text
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("0", "0")
    assert 0 < int(answer.headers["retry-after"]) == int(answer.headers["ratelimit-reset"]) <= 31 * 24 * 3600
    assert provider.calls() == []


def test_a_refusal_says_how_much_and_until_when(admin: Client, name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1, period="day", timezone="Europe/Berlin")
    assert chat(admin).status_code == 200
    used = admin.usage_groups()[name]["usage"]["total"]
    answer = chat(admin)
    assert answer.status_code == 429
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("1", "0")
    assert 0 < int(answer.headers["retry-after"]) <= 25 * 3600
    said = answer.json()["error"]
    assert (said["code"], said["used"], said["limit"]) == ("usage_limit_reached", used, 1)
    assert said["message"].startswith(f'Usage limit reached for "{name}": {used:,} of 1 tokens. Resets ')


def test_in_the_page_it_is_the_error_of_the_message_and_no_title_is_made(
    admin: Client, provider: Provider, name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 0)
    with admin.ui() as ui:
        turn = ui.ask("gpt-4o-mini", tasks=TASKS)
        wait_until(lambda: "chat:message:error" in turn.types(), timeout=15, what="the refusal is shown")
        assert "Usage limit reached" in json.dumps(turn.message()["error"])
    assert provider.calls() == []


def test_tasks_of_a_chat_that_was_admitted_are_counted_and_not_refused(
    admin: Client, provider: Provider, name: str
) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 300)  # The title alone, which is asked for first, stays below.
    with admin.ui() as ui:
        ui.ask("gpt-4o-mini", tasks=TASKS).wait()
    assert len(provider.ended_calls(4)) == 4
    assert admin.usage_groups()[name]["usage"]["calls"] == 4


SLOWLY = """
import asyncio
class Filter:
    async def inlet(self, body):
        await asyncio.sleep(2)
        return body
"""


def test_a_title_does_not_refuse_the_answer_that_it_is_made_beside(
    admin: Client, provider: Provider, name: str
) -> None:
    admin.add_function("slowly", SLOWLY)  # The title is asked for first, and done before the answer is asked for.
    admin.add_group(name, ["gpt-4o-mini"], 1)
    try:
        with admin.ui() as ui:
            turn = ui.ask("gpt-4o-mini", tasks=["title_generation"]).wait()
            assert turn.text()
            assert "error" not in turn.message()
    finally:
        admin.request("DELETE", "/api/v1/functions/id/slowly/delete")
    assert [call.task for call in provider.ended_calls(2)] == [True, False]
    assert chat(admin).status_code == 429


@pytest.mark.parametrize(
    "change", [{"limit": 10**9}, {"limit": None}, {"action": "warn"}, {"models": ["o3-mini"]}, "reset"], ids=repr
)
def test_a_change_by_an_admin_holds_for_the_next_call(admin: Client, name: str, change: Any) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1)
    assert [chat(admin).status_code, chat(admin).status_code] == [200, 429]
    path = f"/api/usage/groups/{quote(name)}"
    if change == "reset":
        admin.request("POST", f"{path}/reset")
    else:
        admin.request("PUT", path, change)
    assert chat(admin).status_code == 200


class TestBudgets:
    def test_of_each_user_bind_each_for_himself(self, admin: Client, user: Client, name: str) -> None:
        other = admin.add_user()
        form = {"name": name, "scope": {"kind": "each_user"}, "unit": "requests", "limit": 1, "period": "day"}
        admin.request("POST", BUDGETS, form)
        assert [chat(user).status_code, chat(user).status_code] == [200, 429]
        assert chat(other).status_code == 200
        [mine] = [budget for budget in user.request("GET", "/api/usage/me")["budgets"] if budget["name"] == name]
        expected = {"scope": "each_user", "unit": "requests", "limit": 1, "used": 1, "remaining": 0, "period": "day"}
        assert expected.items() <= mine.items()
        assert mine["resets_at"].endswith("Z")

    def test_of_a_user_group_bind_its_members(self, admin: Client, user: Client, name: str) -> None:
        group = admin.request("POST", "/api/v1/groups/create", {"name": name, "description": ""})
        admin.request("POST", f"/api/v1/groups/id/{group['id']}/users/add", {"user_ids": [user.id]})
        form = {"name": name, "scope": {"kind": "group", "id": group["id"]}, "unit": "requests", "limit": 0}
        admin.request("POST", BUDGETS, form)
        assert chat(user).status_code == 429
        assert chat(admin).status_code == 200

    def test_in_money_leave_free_models_alone(self, admin: Client, user: Client, name: str) -> None:
        for model, rate in (("gpt-4o-mini", 1000), ("llama3.2*", 0)):
            admin.request("PUT", "/api/usage/prices", {"model": model, "input": rate, "output": rate})
        scope = {"kind": "user", "id": user.id}  # Who has spent nothing yet.
        admin.request("POST", BUDGETS, {"name": name, "scope": scope, "unit": "usd", "limit": 0.001})
        assert [chat(user).status_code, chat(user).status_code] == [200, 429]
        assert chat(user, "llama3.2:latest").status_code == 200

    def test_in_money_leave_free_connections_alone(
        self, admin: Client, user: Client, provider: Provider, name: str
    ) -> None:
        valves = "/api/v1/functions/id/usage_metering/valves/update"
        scope = {"kind": "user", "id": user.id}
        admin.request("POST", BUDGETS, {"name": name, "scope": scope, "unit": "usd", "limit": 0})
        assert chat(user).status_code == 429
        admin.request("POST", valves, {"free_connections": f"{provider.url}/openai/*"})
        try:
            wait_until(
                lambda: chat(user).status_code == 200, timeout=10, every=0.5, what="the connection is known to be free"
            )
        finally:
            admin.request("POST", valves, {})

    def test_must_all_admit_a_call(self, admin: Client, provider: Provider, name: str) -> None:
        for number, limit in enumerate((10**6, 0)):
            form = {"name": f"{name} {number}", "scope": {"kind": "everyone"}, "unit": "requests", "limit": limit}
            admin.request("POST", BUDGETS, form)
        before = admin.request("GET", "/api/usage/me")["budgets"]
        assert chat(admin).status_code == 429
        assert provider.calls() == []
        assert admin.request("GET", "/api/usage/me")["budgets"] == before

    def test_start_with_what_the_ledger_knows(self, admin: Client, user: Client, name: str) -> None:
        chat(user)
        form = {"name": name, "scope": {"kind": "user", "id": user.id}, "unit": "requests", "limit": 1}
        admin.request("POST", BUDGETS, form)
        assert chat(user).status_code == 429

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("limit", -1),
            ("limit", "many"),
            ("limit", 1.5),
            ("unit", "euros"),
            ("scope", {"kind": "user"}),
            ("scope", {"kind": "everyone", "id": "x"}),
            ("period", "decade"),
            ("timezone", "Mars/Olympus"),
            ("soft_limits", [0]),
            ("models", "gpt-4"),
            ("unknown", 1),
        ],
    )
    def test_tell_which_field_is_wrong(self, admin: Client, name: str, field: str, value: Any) -> None:
        form = {"name": name, "scope": {"kind": "everyone"}, "unit": "requests", "limit": 1, field: value}
        answer = admin.post(BUDGETS, json=form)
        assert answer.status_code == 422
        assert field in json.dumps(answer.json()["detail"])
        assert admin.request("GET", BUDGETS)["budgets"] == []

    def test_are_for_admins(self, user: Client, name: str) -> None:
        for method, path in (("GET", BUDGETS), ("POST", BUDGETS), ("GET", "/api/usage/prices")):
            assert user.http.request(method, path, json={"name": name}).status_code == 403


def test_a_replys_cost_stands_with_it(admin: Client) -> None:
    admin.request("PUT", "/api/usage/prices", {"model": "gpt-4o-mini", "input": 1, "output": 2})
    with admin.ui() as ui:
        turn = ui.ask("gpt-4o-mini").wait()
        wait_until(lambda: "status" in turn.types(), timeout=10, what="the status line is there")
    [line] = [event["data"]["description"] for event in turn.events if event["type"] == "status"]
    assert " in · " in line
    assert line.split(" · ")[-1].startswith("$0.0000")


def sent_as_it_is(client: Client, path: str, body: str) -> int:
    """The status of a POST whose path no library has tidied up."""
    connection = http.client.HTTPConnection(client.url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_where_nothing_is_limited_a_body_without_a_model_goes_its_way_and_is_counted(
    admin: Client, provider: Provider, name: str
) -> None:
    admin.add_group(name, ["*"])
    assert sent_as_it_is(admin, "/openai/completions", '{"prompt": "Hello"}') != 429
    assert len(provider.calls()) <= 1
    assert admin.usage_groups()[name]["usage"]["calls"] == 1


class TestAWayRound:
    """What somebody may try whose limit is used up."""

    @pytest.fixture(autouse=True)
    def limit(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["*"], 0)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/openai/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES}),
            ("/ollama/api/chat", {"model": "llama3.2:latest", "messages": MESSAGES}),
            ("/api/chat/completions", {"model": "gpt-4o-mini", "messages": MESSAGES}),
            ("/api/v1/messages", {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 5}),
        ],
    )
    def test_is_not_to_call_it_a_task(self, user: Client, provider: Provider, path: str, body: dict[str, Any]) -> None:
        metadata = {"task": "title_generation", "chat_id": "x", "session_id": "x"}
        answer = user.post(path, json={**body, "metadata": metadata})
        assert answer.status_code == 429, answer.text
        assert provider.calls() == []

    @pytest.mark.parametrize(
        "path",
        [
            "/openai/x/../completions",
            "/openai/x/%2e%2e/completions",
            "/openai//completions",
            "/openai/../v1/completions",
            "/openai/%2e%2e/v1/completions",
            "/openai/..%2fv1/completions",
            "/openai/completions%3Fx=y",
            "/openai/completions%23x",
            "/openai/comp%09letions",
            "/openai/Completions/",
        ],
    )
    def test_is_not_to_go_round_about(self, user: Client, provider: Provider, path: str) -> None:
        assert sent_as_it_is(user, path, json.dumps({"model": "gpt-4o-mini", "prompt": "Hello"})) >= 400
        assert provider.calls() == []

    @pytest.mark.parametrize(
        "more",
        ['"seed": 1' + 5000 * "0", '"x": ' + 50_000 * "[" + 50_000 * "]", '"x": ', '"model": null'],
        ids=range(4),
    )
    def test_is_not_to_send_what_cannot_be_read(self, user: Client, provider: Provider, more: str) -> None:
        assert (
            sent_as_it_is(user, "/openai/completions", f'{{"model": "gpt-4o-mini", "prompt": "Hello", {more}}}') == 400
        )
        assert provider.calls() == []

    @pytest.mark.parametrize("says", [{"max_tokens": -(10**9)}, {"max_tokens": 0}, {"n": 0}, {"stream": "yes"}])
    def test_is_not_to_ask_for_nothing(self, user: Client, provider: Provider, says: dict[str, Any]) -> None:
        assert chat(user, **says).status_code == 429
        assert provider.calls() == []


def test_ollamas_short_names_are_the_models_that_they_stand_for(admin: Client, provider: Provider, name: str) -> None:
    admin.add_group(name, ["llama3.2:latest"], 0)
    answer = admin.post("/ollama/api/chat/0", json={"model": "llama3.2", "messages": MESSAGES})
    assert answer.status_code == 429
    assert provider.calls() == []


def test_a_workspace_model_is_bound_by_its_base_models_limit(admin: Client, provider: Provider, name: str) -> None:
    if "limited-helper" not in admin.models():
        admin.add_model("limited-helper", base="gpt-4o-mini")
    admin.add_group(name, ["gpt-4o-mini"], 0)
    assert chat(admin, "limited-helper").status_code == 429
    assert provider.calls() == []


def test_a_warning_counts_shows_and_never_refuses(admin: Client, name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1, action="warn")
    assert [chat(admin).status_code for _ in range(3)] == [200, 200, 200]
    group = admin.usage_groups()[name]
    assert (group["usage"]["calls"], group["remaining"], group["action"]) == (3, 0, "warn")


def test_a_new_period_begins_with_what_the_ledger_knows_of_it(admin: Client, name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 1)
    assert chat(admin).status_code == 200
    used = admin.usage_groups()[name]["usage"]
    for period in ("day", "week", "month", "total"):
        group = admin.request("PUT", f"/api/usage/groups/{quote(name)}", {"period": period})["group"]
        assert group["usage"] == used
        assert chat(admin).status_code == 429


PIPE = """
from open_webui.models.users import Users
from open_webui.utils.chat import generate_chat_completion
class Pipe:
    async def pipe(self, body, __user__, __request__):
        user = await Users.get_user_by_id(__user__["id"])
        return await generate_chat_completion(__request__, {**body, "model": "gpt-4o-mini"}, user)
"""


@pytest.mark.parametrize("stream", [False, True])
def test_a_pipe_that_calls_a_model_needs_room_for_one_call(
    admin: Client, user: Client, provider: Provider, name: str, stream: bool
) -> None:
    if "limited_pipe" not in admin.models():
        admin.add_function("limited_pipe", textwrap.dedent(PIPE), everywhere=False)
        admin.models(refresh=True)
    scope = {"kind": "user", "id": user.id}
    admin.request("POST", BUDGETS, {"name": name, "scope": scope, "unit": "requests", "limit": 1})
    assert chat(user, "limited_pipe", stream=stream).status_code == 200
    assert len(provider.ended_calls(1)) == 1
    assert chat(user, "limited_pipe", stream=stream).status_code == 429
    assert len(provider.calls()) == 1


class TestWhatACallHeld:
    """Is given back however it ends: each asks for all that there is, and the next one finds room for as much."""

    MOST = 500_000

    @pytest.fixture(autouse=True)
    def limit(self, admin: Client, name: str) -> None:
        admin.add_group(name, ["*"], self.MOST)

    def finds_room(self, admin: Client) -> None:
        wait_until(
            lambda: chat(admin, max_tokens=self.MOST).status_code == 200, timeout=10, what="there is room", every=0.2
        )

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        "model", ["gpt-4o-mini", "error-500", "error-429", "error-midstream", "breaks", "no-such-model", "silent"]
    )
    def test_when_it_ends_by_itself(self, admin: Client, model: str, stream: bool) -> None:
        for path in ("/api/chat/completions", "/openai/chat/completions"):
            body = {"model": model, "messages": MESSAGES, "stream": stream, "max_tokens": self.MOST}
            try:
                assert admin.post(path, json=body).status_code != 429 or model == "error-429"
            except httpx.HTTPError:
                assert model in ("breaks", "error-midstream")
            self.finds_room(admin)

    @pytest.mark.parametrize("stream", [False, True])
    def test_when_its_caller_goes_away_before_it_begins(self, admin: Client, stream: bool) -> None:
        body = {"model": "slow-start", "messages": MESSAGES, "stream": stream, "max_tokens": self.MOST}
        with pytest.raises(httpx.TimeoutException):
            admin.post("/api/chat/completions", json=body, timeout=httpx.Timeout(0.7, connect=5))
        # Open WebUI waits for an answer to begin, whether or not somebody still wants it: three seconds here.
        self.finds_room(admin)

    @pytest.mark.parametrize("path", ["/api/chat/completions", "/openai/chat/completions"])
    def test_when_its_caller_leaves_the_stream(self, admin: Client, path: str) -> None:
        with admin.streaming("slow", path=path, max_tokens=self.MOST) as answer:
            next(answer.iter_bytes())
        self.finds_room(admin)

    def test_when_it_is_stopped_in_the_page(self, admin: Client) -> None:
        with admin.ui() as ui:
            turn = ui.ask("slow", max_tokens=self.MOST).wait_for_text()
            turn.stop()
            self.finds_room(admin)

    def test_when_open_webui_refuses_what_was_asked(self, admin: Client) -> None:
        for body in ({}, {"messages": None}, {"messages": "Hello"}, {"messages": [{"role": "user"}], "tools": 5}):
            form = json.dumps({"model": "gpt-4o-mini", "max_tokens": self.MOST, **body})
            for path in ("/api/chat/completions", "/openai/chat/completions"):
                assert sent_as_it_is(admin, path, form) != 429
        self.finds_room(admin)


def test_a_reset_under_load_lets_the_next_call_pass(admin: Client, provider: Provider, name: str) -> None:
    admin.add_group(name, ["gpt-4o-mini"], 40)
    path = f"/api/usage/groups/{quote(name)}/reset"
    for _ in range(5):
        wait_until(lambda: chat(admin).status_code == 429, timeout=10, what="the limit is reached", every=0)
        admin.request("POST", path)
        assert chat(admin).status_code == 200


@pytest.mark.parametrize("unit", ["tokens", "requests", "usd"])
def test_at_a_budgets_limit_the_page_is_told(admin: Client, user: Client, name: str, unit: str) -> None:
    admin.request("PUT", "/api/usage/prices", {"model": "gpt-4o-mini", "input": 1, "output": 1, "request": 1})
    form = {"name": name, "scope": {"kind": "user", "id": user.id}, "unit": unit, "limit": 1, "period": "day"}
    admin.request("POST", BUDGETS, form)
    with user.ui() as ui, admin.ui() as other:
        assert chat(user).status_code == 200

        def left() -> list[float]:
            budgets = [budget for event in list(ui.usage) for budget in event.get("budgets", ())]
            return [budget["remaining"] for budget in budgets if budget["name"] == name]

        wait_until(lambda: left() and left()[-1] == 0, timeout=5, what="the page knows that nothing is left")
        assert name not in json.dumps(other.usage)
    assert chat(user).status_code == 429
