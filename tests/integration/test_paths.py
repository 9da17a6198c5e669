"""Every path from Open WebUI to a model, walked for real: each row of the ledger equals the provider's own book."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.ledger import Ledger, Row, assert_equal
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider
from tests.support.ui import TASKS, UI

CHAT = "/api/chat/completions"
Totals = dict[str, tuple[int, int]]
"""IN and OUT of each group."""
MESSAGES = [{"role": "user", "content": "Hello there"}]
USAGE = {"stream_options": {"include_usage": True}}

GROUPS = {
    "all": ["*"],
    "by id": ["helper"],
    "by base": ["gpt-4o"],
    "by both": ["helper", "gpt-4o", "gpt-*"],
}


@dataclass
class World:
    """A deployment with everything that a path may need, a user with a page open, and the two books."""

    server: OpenWebUI
    admin: Client
    user: Client
    provider: Provider
    ledger: Ledger
    ui: UI

    def api(self, path: str, body: dict[str, Any], by: Client | None = None) -> None:
        """One call by the user, or by somebody else, read to its end."""
        answer = (by or self.user).post(path, json=body)
        assert answer.status_code == 200, answer.text

    def whole_and_stream(self, path: str, body: dict[str, Any], by: Client | None = None) -> None:
        """The same call twice."""
        for stream in (False, True):
            self.api(path, {**body, "stream": stream}, by)

    def totals(self) -> Totals:
        return {
            name: (group["usage"]["in"], group["usage"]["out"]) for name, group in self.admin.usage_groups().items()
        }


Expected = dict[str, Any]
"""Columns of one row and their values."""


def row(model: str, called_model: str | None = None, **columns: Any) -> Expected:
    return {"model": model, "called_model": called_model or model, "task": None, "chat_id": None, **columns}


# --- chats


def page(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-4o").wait()
    again = w.ui.ask("gpt-4o", after=turn).wait()
    return [
        row("gpt-4o", path=CHAT, chat_id=turn.chat_id, message_id=each.message_ids[0], outcome="done")
        for each in (turn, again)
    ]


def page_with_tasks(w: World) -> list[Expected]:
    turn = w.ui.ask("o3-mini", tasks=TASKS).wait()
    here = {"chat_id": turn.chat_id, "path": CHAT}
    return [
        row("o3-mini", message_id=turn.message_ids[0], **here),
        *(row("o3-mini", task=task, **here) for task in TASKS),
    ]


def api_chat(w: World) -> list[Expected]:
    w.whole_and_stream(CHAT, {"model": "gpt-4o", "messages": MESSAGES})
    w.whole_and_stream("/api/v1/chat/completions", {"model": "o3-mini", "messages": MESSAGES})
    w.api(CHAT, {"model": "gpt-4o", "messages": MESSAGES, "stream": True, **USAGE})
    return [*3 * [row("gpt-4o", path=CHAT)], *2 * [row("o3-mini", path="/api/v1/chat/completions")]]


def tool_rounds(w: World) -> list[Expected]:
    expected = []
    for model in ("gpt-4o", "gpt-5-mini", "llama3.2:latest", "claude-opus-4-1"):
        w.provider.behave(model, tool="get_current_timestamp")
        turn = w.ui.ask(model).wait()
        expected += 2 * [row(model, path=CHAT, chat_id=turn.chat_id, message_id=turn.message_ids[0])]
    return expected


def tool_choice_by_prompt(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-4o", params={"function_calling": "legacy"}, tool_ids=["weather"]).wait()
    return [row("gpt-4o", task=task, chat_id=turn.chat_id) for task in (None, "function_calling")]


def sub_agent(w: World) -> list[Expected]:
    w.provider.behave("tool-user", tool="delegate_task", tool_arguments='{"task": "Count to three."}')
    turn = w.ui.ask("tool-user").wait()
    ours = {"chat_id": turn.chat_id, "message_id": turn.message_ids[0]}
    w.ledger.wait(4)
    [child] = {each.chat_id for each in w.ledger.rows()} - {turn.chat_id}
    return 2 * [row("tool-user", **ours)] + 2 * [row("tool-user", chat_id=child)]


def several_models(w: World) -> list[Expected]:
    models = ("gpt-4o", "gpt-4.1", "llama3.2:latest", "gpt-4o-mini")
    turn = w.ui.ask(models).wait()
    pairs = zip(models, turn.message_ids, strict=True)
    return [row(model, chat_id=turn.chat_id, message_id=message_id) for model, message_id in pairs]


def arena(w: World) -> list[Expected]:
    turn = w.ui.ask("arena", tasks=TASKS).wait()
    w.whole_and_stream(CHAT, {"model": "arena", "messages": MESSAGES})
    tasks = [row("gpt-4o", task=task, chat_id=turn.chat_id) for task in TASKS]
    return [*2 * [row("gpt-4o")], row("gpt-4o", chat_id=turn.chat_id, message_id=turn.message_ids[0]), *tasks]


def workspace_model(w: World) -> list[Expected]:
    turn = w.ui.ask("helper", tasks=["title_generation"]).wait()
    w.whole_and_stream(CHAT, {"model": "helper", "messages": MESSAGES})
    w.api(CHAT, {"model": "helper-of-ollama", "messages": MESSAGES})
    here = {"chat_id": turn.chat_id}
    return [
        row("helper", "gpt-4o", **here),
        row("helper", "gpt-4o", task="title_generation", **here),
        *2 * [row("helper", "gpt-4o")],
        row("helper-of-ollama", "llama3.2:latest"),
    ]


def channel(w: World) -> list[Expected]:
    made = w.admin.request("POST", "/api/v1/channels/create", {"name": "general"})
    path = f"/api/v1/channels/{made['id']}/messages/post"
    w.admin.request("POST", path, {"content": "<@M:gpt-4o|GPT-4o> Hello there"})
    return [row("gpt-4o", path=path, chat_id=f"channel:{made['id']}", user_id=w.admin.id)]


def automation(w: World) -> list[Expected]:
    data = {"prompt": "Hello there", "model_id": "gpt-4o", "rrule": "RRULE:FREQ=YEARLY"}
    made = w.admin.request("POST", "/api/v1/automations/create", {"name": "greeting", "data": data})
    w.admin.request("POST", f"/api/v1/automations/{made['id']}/run")
    found = w.ledger.wait(2, timeout=15)[0]
    assert found.chat_id
    here = {"path": "/api/v1/automations/internal", "chat_id": found.chat_id, "user_id": w.admin.id}
    return [row("gpt-4o", **here), row("gpt-4o", task="memory_review", **here)]


# --- tasks

TASK_ENDPOINTS = {
    "title": "title_generation",
    "tags": "tags_generation",
    "follow_up": "follow_up_generation",
    "image_prompt": "image_prompt_generation",
    "queries": "query_generation",
    "auto": "autocomplete_generation",
    "emoji": "emoji_generation",
    "moa": "moa_response_generation",
}


def task_endpoints(w: World) -> list[Expected]:
    body = {"model": "gpt-4o", "messages": MESSAGES, "prompt": "Hello there", "type": "web_search", "responses": ["Hi"]}
    expected = []
    for name, task in TASK_ENDPOINTS.items():
        path = f"/api/v1/tasks/{name}/completions"
        w.api(path, body)
        expected.append(row("gpt-4o", task=task, path=path))
    w.api("/api/v1/tasks/moa/completions", {**body, "stream": True})
    return [*expected, expected[-1]]


def memory_review(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-4o", features={"memory": True}, tasks=["follow_up_generation"]).wait()
    return [row("gpt-4o", task=task, chat_id=turn.chat_id) for task in (None, "follow_up_generation", "memory_review")]


def compaction(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-4o").wait()
    again = w.ui.ask("gpt-4o", after=turn, params={"compact_token_threshold": 1}).wait()
    w.user.request("POST", f"/api/v1/chats/{turn.chat_id}/compact")
    chat = {"chat_id": turn.chat_id}
    return [
        row("gpt-4o", message_id=turn.message_ids[0], **chat),
        row("gpt-4o", task="context_compaction", **chat),
        row("gpt-4o", message_id=again.message_ids[0], **chat),
        row("gpt-4o", task="context_compaction", path=f"/api/v1/chats/{turn.chat_id}/compact"),
    ]


# --- connections of other kinds


def responses_connection(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-5-mini", tasks=["title_generation"]).wait()
    w.whole_and_stream(CHAT, {"model": "gpt-5-mini", "messages": MESSAGES})
    chat = {"chat_id": turn.chat_id}
    return [
        row("gpt-5-mini", **chat),
        row("gpt-5-mini", task="title_generation", **chat),
        *2 * [row("gpt-5-mini", path=CHAT)],
    ]


def ollama_connection(w: World) -> list[Expected]:
    turn = w.ui.ask("gpt-oss:20b", tasks=["title_generation"]).wait()
    w.whole_and_stream(CHAT, {"model": "gpt-oss:20b", "messages": MESSAGES})
    chat = {"chat_id": turn.chat_id}
    return [
        row("gpt-oss:20b", **chat),
        row("gpt-oss:20b", task="title_generation", **chat),
        *2 * [row("gpt-oss:20b", path=CHAT)],
    ]


def direct_connection(w: World) -> list[Expected]:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 2_000_000, "total_tokens": 3_000_000}
    choice = {"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}
    w.ui.direct = lambda form: [{"choices": [choice]}, {"choices": [], "usage": usage}]
    model = {"id": "my-own", "name": "My own", "direct": True, "urlIdx": 0}
    turn = w.ui.ask("my-own", model_item=model).wait()
    return [row("my-own", chat_id=turn.chat_id, unverified=True, input=1_000_000, completion=2_000_000, groups="")]


# --- messages and pass-through


def messages_converted(w: World) -> list[Expected]:
    expected = []
    for path in ("/api/v1/messages", "/api/message"):
        w.whole_and_stream(path, {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 100})
        expected += 2 * [row("gpt-4o", path=path)]
    return expected


def messages_native(w: World) -> list[Expected]:
    w.whole_and_stream("/api/v1/messages", {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 100})
    return 2 * [row("claude-sonnet-4-5", path="/api/v1/messages")]


def passed_through(path: str, model: str, **body: Any) -> Callable[[World], list[Expected]]:
    """A call that Open WebUI hands on as it is, whole and as a stream."""

    def go(w: World) -> list[Expected]:
        # Under /ollama/v1 it knows nobody but admins where a model was not shared one by one.
        w.whole_and_stream(path, {"model": model, **body}, w.admin)
        return 2 * [row(model, path=path, user_id=w.admin.id)]

    return go


def openai_proxy(w: World) -> list[Expected]:
    claude = {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 100}
    w.whole_and_stream("/openai/messages", claude)
    w.api("/openai/completions", {"model": "gpt-4o", "prompt": "Hello there"})
    w.api("/openai/completions", {"model": "gpt-4o", "prompt": "Hello there", "stream": True, **USAGE})
    w.api("/openai/embeddings", {"model": "text-embedding-3-small", "input": "Hello there"})
    return [
        *2 * [row("claude-sonnet-4-5", path="/openai/messages")],
        *2 * [row("gpt-4o", path="/openai/completions")],
        row("text-embedding-3-small", path="/openai/embeddings"),
    ]


def embeddings(w: World) -> list[Expected]:
    expected = []
    for path in ("/api/embeddings", "/api/v1/embeddings", "/ollama/v1/embeddings", "/ollama/api/embed"):
        for model in ("text-embedding-3-small", "nomic-embed-text:latest"):
            if model.startswith("nomic") or not path.startswith("/ollama"):
                w.api(path, {"model": model, "input": ["Hello there", "and again"]}, w.admin)
                expected.append(row(model, path=path, completion=0, output=0, user_id=w.admin.id))
    return expected


def embeddings_unreported(w: World) -> list[Expected]:
    path, model = "/ollama/api/embeddings", "nomic-embed-text:latest"
    w.api(path, {"model": model, "prompt": "Hello there"})
    return [row(model, path=path, completion=0, output=0, estimated=True)]


# --- pipes

# PROVIDER stands for the stand-in's address. Each is asked for a whole answer, for a stream, and in the page.
PIPES = {
    "pipe_own_silent": """
        import json, urllib.request
        class Pipe:
            def pipe(self, body):
                ask = {"model": "gpt-4o", "messages": body["messages"]}
                request = urllib.request.Request("PROVIDER/openai/v1/chat/completions", json.dumps(ask).encode())
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)["choices"][0]["message"]["content"]
        """,
    "pipe_own_async": """
        import httpx
        class Pipe:
            async def pipe(self, body):
                stream = bool(body.get("stream"))
                ask = {"model": "gpt-4o", "messages": body["messages"], "stream": stream}
                if stream:
                    ask["stream_options"] = {"include_usage": True}
                async with httpx.AsyncClient(trust_env=False) as client:
                    answer = await client.post("PROVIDER/openai/v1/chat/completions", json=ask)
                return self.lines(answer) if stream else answer.json()
            async def lines(self, answer):
                for line in answer.text.split("\\n\\n"):
                    if line and "[DONE]" not in line:
                        yield line
        """,
    "pipe_own_generator": """
        import json, urllib.request
        class Pipe:
            def pipe(self, body):
                stream = bool(body.get("stream"))
                ask = {"model": "gpt-4o", "messages": body["messages"], "stream": stream}
                if stream:
                    ask["stream_options"] = {"include_usage": True}
                request = urllib.request.Request("PROVIDER/openai/v1/chat/completions", json.dumps(ask).encode())
                answer = urllib.request.urlopen(request)
                return self.lines(answer) if stream else json.load(answer)
            def lines(self, answer):
                for line in answer.read().decode().split("\\n\\n"):
                    if line and "[DONE]" not in line:
                        yield line
        """,
    "pipe_inner": """
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = await Users.get_user_by_id(__user__["id"])
                return await generate_chat_completion(__request__, {**body, "model": "gpt-4o"}, user)
        """,
    "pipe_second_way": """
        import json, urllib.request
        from open_webui.models.users import Users
        from open_webui.routers.openai import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = await Users.get_user_by_id(__user__["id"])
                try:
                    return await generate_chat_completion(__request__, {**body, "model": "gone"}, user=user)
                except Exception:
                    ask = {"model": "gpt-4o", "messages": body["messages"]}
                request = urllib.request.Request("PROVIDER/openai/v1/chat/completions", json.dumps(ask).encode())
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)["choices"][0]["message"]["content"]
        """,
    "pipe_inner_twice": """
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = await Users.get_user_by_id(__user__["id"])
                for model in ("gpt-4o", "llama3.2:latest"):
                    ask = {"model": model, "messages": body["messages"], "stream": False}
                    answer = await generate_chat_completion(__request__, ask, user)
                    yield answer["choices"][0]["message"]["content"]
        """,
    "pipe_inner_nested": """
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        class Pipe:
            async def pipe(self, body, __user__, __request__):
                user = await Users.get_user_by_id(__user__["id"])
                return await generate_chat_completion(__request__, {**body, "model": "pipe_inner"}, user)
        """,
}


def pipe(name: str, *inner: str, **columns: Any) -> Callable[[World], list[Expected]]:
    """Rows for the inner calls, or for the pipe itself where there are none that Open WebUI could know of."""

    def go(w: World) -> list[Expected]:
        w.whole_and_stream(CHAT, {"model": name, "messages": MESSAGES})
        turn = w.ui.ask(name).wait()
        chats = (None, None, turn.chat_id)
        return [row(model, chat_id=chat_id, path=CHAT, **columns) for chat_id in chats for model in inner or (name,)]

    return go


TOOL = '''
class Tools:
    def weather(self, city: str) -> str:
        """How the weather is."""
        return "fine"
'''

PATHS: dict[str, tuple[str, Callable[[World], list[Expected]]]] = {
    "page": ("A chat in the page, first and later turns", page),
    "page-with-tasks": ("Title, tags and follow-ups of a chat", page_with_tasks),
    "api-chat": ("The chat API, whole and streamed", api_chat),
    "tool-rounds": ("Every round of a tool loop, on each kind of connection", tool_rounds),
    "tool-choice-by-prompt": ("The choice of a tool by a prompt (function calling: legacy)", tool_choice_by_prompt),
    "sub-agent": ("Sub-agents and their tool rounds", sub_agent),
    "several-models": ("Several models in one chat", several_models),
    "arena": ("Arena: the model that answered, and its tasks", arena),
    "workspace-model": ("A workspace model on a base model", workspace_model),
    "channel": ("@model in a channel", channel),
    "automation": ("Automations", automation),
    "task-endpoints": ("Title, tags, follow-up, image prompt, query, autocomplete, emoji, merge", task_endpoints),
    "memory-review": ("Background review of memories", memory_review),
    "compaction": ("Context compaction, by itself and on demand", compaction),
    "responses-connection": ("A connection that speaks the Responses API", responses_connection),
    "ollama-connection": ("Models of Ollama", ollama_connection),
    "direct-connection": ("Direct connections: reported by the browser, kept apart", direct_connection),
    "messages-converted": ("/api/v1/messages for any model", messages_converted),
    "messages-native": ("/api/v1/messages, handed on to Anthropic", messages_native),
    "openai-chat": (
        "/openai/chat/completions",
        passed_through("/openai/chat/completions", "gpt-4o", messages=MESSAGES),
    ),
    "openai-responses": ("/openai/responses", passed_through("/openai/responses", "gpt-5-mini", input="Hello there")),
    "openai-proxy": ("/openai/{path}: messages, completions, embeddings", openai_proxy),
    "ollama-chat": ("/ollama/api/chat", passed_through("/ollama/api/chat", "gpt-oss:20b", messages=MESSAGES)),
    "ollama-generate": (
        "/ollama/api/generate",
        passed_through("/ollama/api/generate", "llama3.2:latest", prompt="Hello there"),
    ),
    "ollama-v1-chat": (
        "/ollama/v1/chat/completions",
        passed_through("/ollama/v1/chat/completions", "gpt-oss:20b", messages=MESSAGES),
    ),
    "ollama-v1-completions": (
        "/ollama/v1/completions",
        passed_through("/ollama/v1/completions", "llama3.2:latest", prompt="Hello there"),
    ),
    "ollama-v1-messages": (
        "/ollama/v1/messages",
        passed_through("/ollama/v1/messages", "llama3.2:latest", messages=MESSAGES, max_tokens=100),
    ),
    "ollama-v1-responses": (
        "/ollama/v1/responses",
        passed_through("/ollama/v1/responses", "gpt-oss:20b", input="Hello there"),
    ),
    "embeddings": ("Embeddings, input only", embeddings),
    "embeddings-unreported": ("Ollama's old embeddings, which report nothing", embeddings_unreported),
    "pipe-own-client": ("A pipe with a client of its own that says nothing", pipe("pipe_own_silent", estimated=True)),
    "pipe-own-async": ("A pipe with a client of its own that hands on the usage", pipe("pipe_own_async")),
    "pipe-own-generator": ("The same as a generator", pipe("pipe_own_generator")),
    "pipe-second-way": (
        "A pipe that asks Open WebUI for a model that is not there, and then a client of its own",
        pipe("pipe_second_way", estimated=True),
    ),
    "pipe-inner": ("A pipe that calls a model through Open WebUI: the inner call only", pipe("pipe_inner", "gpt-4o")),
    "pipe-inner-twice": (
        "A pipe that calls two models through Open WebUI",
        pipe("pipe_inner_twice", "gpt-4o", "llama3.2:latest"),
    ),
    "pipe-inner-nested": ("A pipe that calls a pipe that calls a model", pipe("pipe_inner_nested", "gpt-4o")),
}
"""What is walked, and how: the ids of `test_is_counted_to_the_token`, and what each covers."""


@pytest.mark.parametrize("path", PATHS)
def test_is_counted_to_the_token(world: World, path: str) -> None:
    walk(world, path)


def walk(world: World, path: str) -> None:
    """Walk one of `PATHS`, and hold the ledger and the groups against the provider's book."""
    before = world.totals()
    expected = PATHS[path][1](world)
    rows = world.ledger.wait(len(expected))
    calls = world.provider.ended_calls(0)
    rows = world.ledger.rows()

    assert len(rows) == len(expected), "one row per call"
    for columns in expected:
        columns = {"user_id": world.user.id, "unverified": False, "estimated": False, "outcome": "done", **columns}
        found = next((each for each in rows if columns.items() <= vars(each).items()), None)
        assert found is not None, f"no row has {columns}\n" + "\n".join(map(str, rows))
        rows.remove(found)

    rows = world.ledger.rows()
    reported = [each for each in rows if not each.estimated and not each.unverified]
    if reported:
        assert_equal([as_called(each) for each in reported], calls)
    for each in rows:
        assert each.estimated <= (each.input > 0), "an estimate is never nothing"
        assert each.duration > 0
        assert each.user_name
    assert growth(before, world.totals()) == sums(rows)


def as_called(each: Row) -> Row:
    """A pipe's own call stands under the pipe's name, and in the provider's book under the model's."""
    return Row(**{**vars(each), "called_model": "gpt-4o"}) if each.called_model in PIPES else each


def growth(before: Totals, after: Totals) -> Totals:
    return {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in after}


def sums(rows: Sequence[Row]) -> Totals:
    """What the groups must have grown by, once per group, under the documented formula."""
    return {
        name: (
            sum(each.input for each in rows if holds(models, each)),
            sum(each.completion + each.reasoning for each in rows if holds(models, each)),
        )
        for name, models in GROUPS.items()
    }


def holds(models: Sequence[str], each: Row) -> bool:
    ids = (each.model, each.called_model)
    found = any(fnmatch(each_id, model) for model in models for each_id in ids)
    return found and not each.unverified


# --- the world

ENV = {
    "ENABLE_AUTOCOMPLETE_GENERATION": "true",
    "ENABLE_CONTEXT_COMPACTION": "true",
    "ENABLE_MEMORY_BACKGROUND_REVIEW": "true",
    "MEMORIES_REVIEW_INTERVAL_TURNS": "1",
    "ENABLE_SUBAGENTS": "true",
}


@pytest.fixture(scope="module")
def deployment(new_openwebui: Callable[..., OpenWebUI], provider_process: Provider) -> Iterator[OpenWebUI]:
    server = new_openwebui(env=ENV)
    try:
        server.start()
        furnish(server.admin, provider_process.url)
        yield server
    finally:
        server.discard()


def furnish(admin: Client, provider_url: str) -> None:
    """Groups, workspace models, pipes, an arena and a tool."""
    admin.models(refresh=True)
    for name, models in GROUPS.items():
        admin.add_group(name, models)
    for name, source in PIPES.items():
        admin.add_function(name, textwrap.dedent(source).replace("PROVIDER", provider_url), everywhere=False)
    arena = {"id": "arena", "name": "Arena", "meta": {"model_ids": ["gpt-4o"], "filter_mode": "include"}}
    form = {"ENABLE_EVALUATION_ARENA_MODELS": True, "EVALUATION_ARENA_MODELS": [arena]}
    admin.request("POST", "/api/v1/evaluations/config", form)
    form = {"id": "weather", "name": "Weather", "content": TOOL, "meta": {"description": "How the weather is."}}
    everybody = {"principal_type": "user", "principal_id": "*", "permission": "read"}
    admin.request("POST", "/api/v1/tools/create", {**form, "access_grants": [everybody]})
    admin.add_model("helper-of-ollama", base="llama3.2:latest")
    admin.add_model("helper", base="gpt-4o")


@pytest.fixture(scope="module")
def someone(deployment: OpenWebUI) -> Iterator[tuple[Client, UI]]:
    user = deployment.admin.add_user()
    with user.ui() as ui:
        yield user, ui
    user.close()


@pytest.fixture
def world(deployment: OpenWebUI, someone: tuple[Client, UI], provider: Provider) -> World:
    user, ui = someone
    return World(deployment, deployment.admin, user, provider, Ledger(deployment), ui)
