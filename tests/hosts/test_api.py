"""What the plugin does for programs, and for a page without a browser, in an Open WebUI of any version."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.hosts.world import CHAT, MESSAGES, World
from tests.support.process import wait_until

Path = tuple[Callable[[World], None], str, str]
EVERYWHERE = ""
MAIN, OPENAI, OLLAMA = "main.py", "routers/openai.py", "routers/ollama.py"


@pytest.mark.cell("Starts")
def test_it_starts_and_counts_everything_that_there_is(world: World) -> None:
    said = world.server.log_text()
    assert re.search(r"openwebui-usage \S+ counts the calls of: .*routers\.openai\.generate_chat_completion", said)
    assert "This Open WebUI" not in said, "something is left out"
    assert "Open WebUI runs on without it" not in said
    assert "openwebui_usage/" not in said, "a traceback leads to us"


@pytest.mark.cell("Groups API")
def test_groups_are_made_changed_seen_and_deleted(world: World) -> None:
    admin, user, path = world.admin, world.user, "/api/usage/groups"
    form = {"name": "all", "models": ["gpt-4o", "hidden"], "limit": 100_000}
    assert user.post(path, json=form).status_code == httpx.codes.FORBIDDEN
    assert world.server.anonymous().get(path).status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
    made = admin.request("POST", path, form)["group"]
    assert (made["name"], made["limit"], made["usage"]["total"]) == ("all", 100_000, 0)
    admin.add_group("secret", ["hidden"])
    assert set(user.usage_groups()) == {"all"}, "a group of models that a user may not use is not shown"
    assert set(admin.usage_groups()) == {"all", "secret"}
    world.api(CHAT, {"model": "gpt-4o", "messages": MESSAGES})
    assert user.usage_groups()["all"]["usage"]["in"] > 0
    changed = admin.request("PUT", f"{path}/all", {"limit": None})["group"]
    assert changed["limit"] is None
    assert admin.request("POST", f"{path}/all/reset")["group"]["usage"]["total"] == 0
    assert admin.request("DELETE", f"{path}/all") == {"status": True}
    assert admin.put(f"{path}/all", json={"limit": 1}).status_code == httpx.codes.NOT_FOUND
    assert user.request("GET", "/api/usage/page")["models"].keys() >= {"gpt-4o", "o3-mini"}


# --- every path to a model


def page(w: World) -> None:
    shown = w.open_page()
    reply = shown.wait(shown.ask("gpt-4o"))
    w.assert_counted(1, chat_id=reply.chat_id, message_id=reply.message_id, user_id=w.user.id, outcome="done")


def page_with_tasks(w: World) -> None:
    shown = w.open_page()
    shown.wait(shown.ask("o3-mini", tasks=["title_generation", "tags_generation"]))
    rows = w.assert_counted(3)
    assert {row.task for row in rows} == {None, "title_generation", "tags_generation"}


def stopped(w: World) -> None:
    shown = w.open_page()
    reply = shown.ask("slow")
    wait_until(lambda: "happy" in str(reply.events), timeout=30, what="something of the answer has come")
    shown.stop(reply)
    [row] = w.ledger.wait(1, timeout=30)
    assert (row.outcome, bool(row.estimated)) == ("stopped", True)
    assert row.output > 0


def tool_rounds(w: World) -> None:
    w.provider.behave("gpt-4o", tool="get_current_timestamp")
    shown = w.open_page()
    shown.wait(shown.ask("gpt-4o", tool_ids=["clock"], params={"function_calling": "native"}))
    w.assert_counted(2)


def arena(w: World) -> None:
    w.whole_and_stream(CHAT, {"model": "arena", "messages": MESSAGES}, w.admin)
    w.assert_counted(2, model="gpt-4o")


def workspace_model(w: World) -> None:
    w.whole_and_stream(CHAT, {"model": "helper", "messages": MESSAGES})
    w.assert_counted(2, model="helper", called_model="gpt-4o")


def channel(w: World) -> None:
    made = w.admin.request("POST", "/api/v1/channels/create", {"name": "general"})
    path = f"/api/v1/channels/{made['id']}/messages/post"
    # Without `data` and `meta`, which the page sends, 0.7.2 and earlier stumble.
    said = {"content": "<@M:gpt-4o|GPT-4o> Hello there", "data": {}, "meta": {}}
    w.admin.request("POST", path, said)
    w.assert_counted(1, user_id=w.admin.id)


def direct_connection(w: World) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}
    shown = w.open_page()
    shown.direct = lambda form: [{"choices": [choice]}, {"choices": [], "usage": usage}]
    shown.wait(shown.ask("my-own", model_item={"id": "my-own", "name": "My own", "direct": True, "urlIdx": 0}))
    [row] = w.ledger.wait(1)
    assert (row.input, row.completion, bool(row.unverified)) == (10, 20, True)


def tasks(w: World) -> None:
    body = {"model": "gpt-4o", "messages": MESSAGES, "prompt": "Hello there", "type": "web_search", "responses": ["Hi"]}
    names = ("title", "tags", "image_prompt", "queries", "emoji", "moa")
    for name in names:
        w.api(f"/api/v1/tasks/{name}/completions", {**body, "stream": False})
    w.assert_counted(len(names))


def of_chat(*models: str) -> Callable[[World], None]:
    def go(w: World) -> None:
        for model in models:
            w.whole_and_stream(CHAT, {"model": model, "messages": MESSAGES})
        w.assert_counted(2 * len(models), path=CHAT)

    return go


def passed_through(path: str, model: str, **body: Any) -> Callable[[World], None]:
    def go(w: World) -> None:
        w.whole_and_stream(path, {"model": model, **body}, w.admin)
        w.assert_counted(2, path=path)

    return go


def once(path: str, model: str, **body: Any) -> Callable[[World], None]:
    def go(w: World) -> None:
        w.api(path, {"model": model, **body}, w.admin)
        w.assert_counted(1, path=path)

    return go


def pipe(name: str, *, counted_as: str) -> Callable[[World], None]:
    def go(w: World) -> None:
        w.api(CHAT, {"model": name, "messages": MESSAGES, "stream": False})
        w.assert_counted(1, model=counted_as)

    return go


ANTHROPIC = {"messages": MESSAGES, "max_tokens": 100}
PATHS: dict[str, Path] = {
    "Chat in the page": (page, MAIN, EVERYWHERE),
    "Title and tags of a chat": (page_with_tasks, MAIN, EVERYWHERE),
    "A reply that is stopped": (stopped, MAIN, EVERYWHERE),
    "Rounds of a tool": (tool_rounds, MAIN, EVERYWHERE),
    "Arena": (arena, MAIN, EVERYWHERE),
    "Workspace model": (workspace_model, MAIN, EVERYWHERE),
    "`@model` in a channel": (channel, "routers/channels.py", "extract_mentions"),
    "Direct connection": (direct_connection, MAIN, EVERYWHERE),
    "`/api/chat/completions`": (of_chat("gpt-4o", "o3-mini"), MAIN, EVERYWHERE),
    "the same, Ollama": (of_chat("llama3.2:latest", "gpt-oss:20b"), MAIN, EVERYWHERE),
    "the same, Responses connection": (of_chat("gpt-5-mini"), OPENAI, "convert_to_responses_payload"),
    "`/api/v1/tasks/…`": (tasks, MAIN, EVERYWHERE),
    "`/api/v1/messages`": (passed_through("/api/v1/messages", "gpt-4o", **ANTHROPIC), MAIN, "/api/v1/messages"),
    "the same, handed on": (
        passed_through("/api/v1/messages", "claude-sonnet-4-5", **ANTHROPIC),
        MAIN,
        "passthrough_anthropic_messages",
    ),
    "`/api/embeddings`": (once("/api/embeddings", "text-embedding-3-small", input="Hello"), MAIN, "/api/embeddings"),
    "`/openai/chat/completions`": (
        passed_through("/openai/chat/completions", "gpt-4o", messages=MESSAGES),
        OPENAI,
        EVERYWHERE,
    ),
    "`/openai/responses`": (passed_through("/openai/responses", "gpt-5-mini", input="Hello"), OPENAI, "/responses'"),
    "`/openai/…`": (once("/openai/completions", "gpt-4o", prompt="Hello there"), OPENAI, EVERYWHERE),
    "`/ollama/api/chat`": (passed_through("/ollama/api/chat", "gpt-oss:20b", messages=MESSAGES), OLLAMA, EVERYWHERE),
    "`/ollama/api/generate`": (
        passed_through("/ollama/api/generate", "llama3.2:latest", prompt="Hello"),
        OLLAMA,
        EVERYWHERE,
    ),
    "`/ollama/v1/chat/completions`": (
        passed_through("/ollama/v1/chat/completions", "gpt-oss:20b", messages=MESSAGES),
        OLLAMA,
        EVERYWHERE,
    ),
    "`/ollama/v1/completions`": (
        passed_through("/ollama/v1/completions", "llama3.2:latest", prompt="Hello"),
        OLLAMA,
        EVERYWHERE,
    ),
    "`/ollama/v1/messages`": (passed_through("/ollama/v1/messages", "llama3.2:latest", **ANTHROPIC), OLLAMA, "/v1/mes"),
    "`/ollama/v1/responses`": (
        passed_through("/ollama/v1/responses", "gpt-oss:20b", input="Hello"),
        OLLAMA,
        "/v1/responses",
    ),
    "`/ollama/v1/embeddings`": (
        once("/ollama/v1/embeddings", "nomic-embed-text:latest", input=["Hello"]),
        OLLAMA,
        "/v1/embeddings",
    ),
    "`/ollama/api/embed`": (once("/ollama/api/embed", "nomic-embed-text:latest", input=["Hello"]), OLLAMA, EVERYWHERE),
    "Pipe with a client of its own": (pipe("pipe_own", counted_as="pipe_own"), MAIN, EVERYWHERE),
    "Pipe that calls a model": (pipe("pipe_inner", counted_as="gpt-4o"), MAIN, EVERYWHERE),
}
"""What is walked, how, and what file of the host says what where there is such a path."""


@pytest.mark.cell
@pytest.mark.parametrize("name", PATHS, ids=list(PATHS))
def test_is_counted_to_the_token(world: World, name: str) -> None:
    walk, file, sign = PATHS[name]
    if not world.server.host.mentions(file, sign):
        pytest.skip("not there")
    world.admin.add_group("all", ["*"])
    walk(world)
    rows = [row for row in world.ledger.rows() if not row.unverified]
    used = world.admin.usage_groups()["all"]["usage"]
    counted = (sum(row.input for row in rows), sum(row.completion + row.reasoning for row in rows))
    assert (used["in"], used["out"]) == counted


# --- limits, effort, socket, functions


@pytest.mark.cell("Limit, by the API")
def test_at_the_limit_an_api_caller_gets_429(world: World) -> None:
    world.admin.add_group("limited", ["gpt-4o-mini", "llama3.2:latest"], 0, period="month")
    asked = {
        CHAT: "gpt-4o-mini",
        "/openai/chat/completions": "gpt-4o-mini",
        "/ollama/api/chat": "llama3.2:latest",
    }
    for path, model in asked.items():
        for stream in (False, True):
            answer = world.admin.post(path, json={"model": model, "messages": MESSAGES, "stream": stream})
            assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS, (path, answer.text)
            assert answer.json()["error"]["code"] == "usage_limit_reached"
            assert int(answer.headers["retry-after"]) > 0
    assert world.provider.calls() == []


@pytest.mark.cell("Limit, where only reservations reach it")
def test_what_others_hold_refuses_with_429(world: World) -> None:
    somebody = world.admin.add_user()
    budget = {"name": "one", "scope": {"kind": "user", "id": somebody.id}, "unit": "requests", "limit": 1}
    world.admin.request("POST", "/api/usage/budgets", budget)
    with somebody.streaming("slow", max_tokens=50):
        wait_until(lambda: world.provider.calls("slow"), timeout=30, what="the first call is under way")
        answer = somebody.post(CHAT, json={"model": "gpt-4o-mini", "messages": MESSAGES, "stream": False})
    assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS, answer.text
    assert world.provider.calls("gpt-4o-mini") == []


@pytest.mark.cell("Limit, in a chat of the page")
def test_in_a_chat_a_refusal_is_the_error_of_the_reply(world: World) -> None:
    world.admin.add_group("limited", ["gpt-4o-mini"], 0)
    shown = world.open_page()
    reply = shown.ask("gpt-4o-mini")
    wait_until(lambda: "chat:message:error" in reply.types(), timeout=30, what="it is told")
    assert "Usage limit reached" in str(reply.events)
    assert world.provider.calls() == []
    world.admin.request("PUT", "/api/usage/groups/limited", {"limit": None})
    shown.wait(shown.ask("gpt-4o-mini"))
    assert len(world.provider.ended_calls(1)) == 1, "the next question goes out"


EFFORTS = {
    "o3-mini": {"reasoning_effort": "high"},
    "gpt-oss:20b": {"think": "high"},
    "gpt-4o-mini": {},
}


@pytest.mark.cell("Effort, by the API")
def test_an_effort_is_said_in_the_words_of_the_provider(world: World) -> None:
    expected = dict(EFFORTS)
    if world.server.host.mentions(OPENAI, "convert_to_responses_payload"):
        expected["gpt-5-mini"] = {"reasoning": {"effort": "high"}}
    for model in expected:
        world.api(CHAT, {"model": model, "messages": MESSAGES, "reasoning": {"effort": "high"}})
    for model, words in expected.items():
        request = world.provider.calls(model)[-1].request
        assert {key: request[key] for key in ("reasoning_effort", "reasoning", "think") if key in request} == words


@pytest.mark.cell("Socket")
def test_a_page_is_told_of_what_its_user_may_see(world: World) -> None:
    shown = world.open_page()
    shown.usage.clear()
    world.admin.add_group("seen", ["gpt-4o"])
    world.admin.add_group("hidden", ["hidden"])
    wait_until(lambda: any("seen" in event["groups"] for event in shown.usage), timeout=15, what="the group has come")
    shown.usage.clear()
    world.api(CHAT, {"model": "gpt-4o", "messages": MESSAGES, "stream": False})
    ended = time.monotonic()

    def totals() -> list[int]:
        return [event["groups"]["seen"]["usage"]["in"] for event in shown.usage if event["groups"].get("seen")]

    wait_until(lambda: any(totals()), timeout=15, what="the numbers have come")
    assert time.monotonic() - ended < 15
    assert "hidden" not in str(shown.usage)


@pytest.mark.cell("Functions in the list")
def test_our_functions_are_in_the_list_and_active(world: World) -> None:
    functions = {each["id"]: each for each in world.admin.request("GET", "/api/v1/functions/")}
    for name in ("reasoning_effort", "usage_status", "usage_metering"):
        assert (functions[name]["is_active"], functions[name]["is_global"]) == (True, True)
    valves = "/api/v1/functions/id/reasoning_effort/valves/update"
    world.admin.request("POST", valves, {"default_effort": "low"})
    wait_until(
        lambda: world.user.request("GET", "/api/usage/page")["models"]["o3-mini"]["effort"] == "low",
        timeout=15,
        what="a valve has its effect",
    )
    world.admin.request("POST", valves, {})


@pytest.mark.cell("Status line")
def test_a_line_under_the_reply_tells_what_it_used(world: World) -> None:
    shown = world.open_page()
    reply = shown.wait(shown.ask("gpt-4o"))
    wait_until(lambda: reply.statuses(), timeout=15, what="the line has come", details=lambda: str(reply.events))
    assert re.search(r"1,234 in · 56 out · .* in all", reply.statuses()[-1])
    assert "openwebui_usage/" not in world.server.log_text(), "a traceback leads to us"
