"""What works without us works with us: additions that a provider refuses are taken back, and nothing slips past."""

from __future__ import annotations

import http.client
import itertools
import json
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients import Client, text
from tests.support.ledger import Ledger
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.provider.refusing import SHAPES

CHAT, OPENAI = "/api/chat/completions", "/openai/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello there, and how are you today?"}]
VALVES = "/api/v1/functions/id/usage_metering/valves"
_numbers = itertools.count(1)


@pytest.fixture
def ledger(openwebui: OpenWebUI) -> Ledger:
    return Ledger(openwebui)


@pytest.fixture
def model(admin: Client, provider: Provider) -> str:
    """A model that nobody has asked before: what it refuses is not known yet."""
    name = f"picky-{next(_numbers)}"
    provider.behave(name)
    admin.models(refresh=True)
    return name


@pytest.fixture
def limited(admin: Client) -> Iterator[None]:
    """A limit that a call may run into, though not soon."""
    admin.add_group("everything", ["*"], 10_000_000)
    yield
    admin.forget_definitions()


def chat(model: str, **body: Any) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES, "stream": True, **body}


class TestAProviderThatRefusesToBeAskedForUsage:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_is_asked_once_more_without_and_then_never_again(
        self, admin: Client, provider: Provider, ledger: Ledger, model: str, shape: str
    ) -> None:
        provider.behave(model, refuses=["stream_options"], refusal=shape)
        assert text(admin.stream(model))
        assert text(admin.stream(model))
        calls = provider.ended_calls(3, model=model)
        assert [call.status == 200 for call in calls] == [False, True, True]
        assert ["stream_options" in call.request for call in calls] == [True, False, False]
        rows = ledger.wait(2)
        assert [(row.model, row.outcome, row.estimated) for row in rows] == [(model, "done", 1)] * 2
        assert all(row.output for row in rows)

    def test_works_in_the_page(self, admin: Client, provider: Provider, ledger: Ledger, model: str) -> None:
        provider.behave(model, refuses=["stream_options"])
        with admin.ui() as ui:
            turn = ui.ask(model).wait()
        assert turn.message()["content"]
        assert len(ledger.wait(1)) == 1

    def test_sees_the_same_system_prompt_once(self, admin: Client, provider: Provider, model: str) -> None:
        provider.behave(model, refuses=["stream_options"])
        workspace = f"{model}-prompted"
        admin.add_model(workspace, base=model, params={"system": "Be brief."})
        for messages in (MESSAGES, [{"role": "system", "content": "You are kind."}, *MESSAGES]):
            admin.post(OPENAI, json={**chat(workspace), "messages": messages})
        admin.post(OPENAI, json={**chat(workspace), "messages": [{"role": "system", "content": "No."}, *MESSAGES]})
        first, second = provider.ended_calls(4, model=model)[:2]
        assert first.request["messages"] == second.request["messages"]
        assert str(second.request["messages"]).count("Be brief.") == 1

    def test_is_not_repeated_where_the_caller_asked(self, admin: Client, provider: Provider, model: str) -> None:
        provider.behave(model, refuses=["stream_options"])
        answer = admin.post(OPENAI, json=chat(model, stream_options={"include_usage": True}))
        assert answer.status_code == 400
        assert len(provider.calls(model)) == 1

    def test_is_not_repeated_where_it_refuses_something_else(
        self, admin: Client, provider: Provider, model: str
    ) -> None:
        provider.behave(model, refuses=["seed"])
        assert admin.post(OPENAI, json=chat(model, seed=7)).status_code == 400
        assert len(provider.calls(model)) == 1

    def test_is_asked_again_where_the_repetition_failed_too(
        self, admin: Client, provider: Provider, ledger: Ledger, model: str
    ) -> None:
        provider.behave(model, refuses=["stream_options", "seed"])
        assert admin.post(OPENAI, json=chat(model, seed=7)).status_code == 400
        assert [row.outcome for row in ledger.wait(1)] == ["error"]
        provider.behave(model)
        assert admin.post(OPENAI, json=chat(model)).status_code == 200
        assert "stream_options" in provider.ended_calls(3, model=model)[-1].request


@pytest.mark.parametrize(
    ("model_id", "connection", "field"),
    [
        ("o3-picky", "openai", "reasoning_effort"),
        ("gpt-5-picky", "responses", "reasoning"),
        ("gpt-oss:picky", "ollama", "think"),
    ],
)
def test_an_effort_that_is_refused_is_taken_back(
    admin: Client, provider: Provider, ledger: Ledger, model_id: str, connection: str, field: str
) -> None:
    shape = "ollama" if field == "think" else "unsupported"
    provider.behave(model_id, connection=connection, reasons=True, refuses=[field], refusal=shape)
    admin.models(refresh=True)
    for _ in range(2):
        answer = admin.post(CHAT, json={"model": model_id, "messages": MESSAGES, "reasoning": {"effort": "high"}})
        assert answer.status_code == 200, answer.text
    calls = provider.ended_calls(3, model=model_id)
    assert [field in call.request for call in calls] == [True, False, False]
    assert [row.outcome for row in ledger.wait(2)] == ["done", "done"]
    health = admin.request("GET", "/api/usage/health")
    assert model_id in [entry["model"] for entry in health["taken_back"]]
    assert (health["running"], health["ledger"]["state"], health["faults"]) == (True, "ok", {})


@pytest.mark.parametrize("asked", ["false", 0, [0], None, "true", 1])
def test_only_true_asks_for_usage(admin: Client, provider: Provider, ledger: Ledger, model: str, asked: Any) -> None:
    answer = admin.post(OPENAI, json=chat(model, stream_options={"include_usage": asked}))
    assert answer.status_code == 200
    assert '"choices":[]' not in answer.text
    assert provider.ended_calls(1, model=model)[0].request["stream_options"] == {"include_usage": True}
    assert ledger.wait(1)[0].estimated == 0


@pytest.mark.parametrize("path", ["/api/v1/messages", "/api/message"])
def test_anthropic_clients_are_told_what_they_used(
    admin: Client, provider: Provider, ledger: Ledger, model: str, path: str
) -> None:
    answer = admin.post(path, json={**chat(model), "max_tokens": 50})
    assert answer.status_code == 200
    told = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    [delta] = [event["usage"] for event in told if event["type"] == "message_delta"]
    [row] = ledger.wait(1)
    assert delta["output_tokens"] == row.output == provider.ended_calls(1)[0].billed["output"]  # type: ignore[index]


def test_a_pipes_body_is_its_own(admin: Client, openwebui: OpenWebUI) -> None:
    source = """
        import json
        class Pipe:
            def pipe(self, body):
                return json.dumps(sorted(body))
    """
    if "bare_pipe" not in admin.models():
        admin.add_function("bare_pipe", textwrap.dedent(source), everywhere=False)
        admin.models(refresh=True)
    assert json.loads(text(admin.stream("bare_pipe"))) == ["messages", "model", "stream"]


UNKNOWN_PATHS = [
    ("POST", "/openai/threads/runs"),
    ("POST", "/openai/messages/batches"),
    ("POST", "/openai/rerank"),
    ("PUT", "/openai/whatever"),
    ("GET", "/openai/write/me/a/novel"),
]


class TestPassThrough:
    @pytest.mark.parametrize(("method", "path"), UNKNOWN_PATHS)
    @pytest.mark.usefixtures("limited")
    def test_refuses_what_nobody_can_meter_while_there_is_a_limit(
        self, admin: Client, provider: Provider, method: str, path: str
    ) -> None:
        answer = admin.http.request(method, path, json={"model": "gpt-4o-mini"} if method != "GET" else None)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "usage_path_unmetered"
        assert "Usage metering" in answer.json()["detail"]
        assert provider.calls() == []

    @pytest.mark.parametrize("path", ["/openai/models", "/openai/models/gpt-4o-mini", "/openai/files"])
    @pytest.mark.usefixtures("limited")
    def test_lets_pass_what_is_free(self, admin: Client, path: str) -> None:
        assert admin.get(path).status_code != 403

    def test_meters_whatever_tells_its_usage(self, admin: Client, ledger: Ledger) -> None:
        assert admin.post("/openai/rerank", json={"model": "gpt-4o-mini"}).status_code == 200
        assert admin.put("/openai/whatever", json={"no": "model"}).status_code == 200
        rows = ledger.wait(2)
        assert [(row.model, row.input, row.output) for row in rows] == [("gpt-4o-mini", 11, 7), ("(unknown)", 11, 7)]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "/openai/chat/completions"),
            ("POST", "/openai/chat/completions;a=b"),
            ("POST", "/openai/chat/completions%20"),
            ("POST", "/openai/chat/completions%2E"),
            ("POST", "/openai/chat/%2E/completions"),
            ("POST", "/openai/completion"),
            ("POST", "/openai/infill"),
            ("POST", "/openai/responses/compact"),
        ],
    )
    def test_holds_a_limit_on_every_way_to_a_model(
        self, admin: Client, provider: Provider, method: str, path: str
    ) -> None:
        admin.add_group("nothing left", ["*"], 0)
        try:
            assert sent_as_it_is(admin, method, path, json.dumps(chat("gpt-4o-mini"))) == 429
            assert provider.calls() == []
        finally:
            admin.forget_definitions()

    @pytest.mark.parametrize("model", ["GPT-4o", "gpt-4o ", "openai/gpt-4o", "gpt-4o-2024-08-06", "x" * 100_000])
    @pytest.mark.parametrize("path", ["/openai/completions", "/openai/responses"])
    @pytest.mark.usefixtures("limited")
    def test_takes_only_listed_ids_while_there_is_a_limit(
        self, admin: Client, provider: Provider, path: str, model: str
    ) -> None:
        answer = admin.post(path, json={"model": model, "prompt": "Hello", "input": "Hello"})
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["code"] == "usage_model_unlisted"
        assert provider.calls() == []

    def test_takes_any_id_where_nothing_is_limited(self, admin: Client, provider: Provider) -> None:
        admin.post("/openai/completions", json={"model": "GPT-4o", "prompt": "Hello"})
        assert [call.model for call in provider.ended_calls(1)] == ["GPT-4o"]

    @pytest.mark.parametrize("body", ['{"model": "a", "model": "gpt-4o"}', '{"model": "gpt-4o", "Model": "a"}'])
    @pytest.mark.usefixtures("limited")
    def test_refuses_two_models_in_one_body(self, admin: Client, provider: Provider, body: str) -> None:
        assert sent_as_it_is(admin, "POST", "/openai/completions", body) == 400
        assert provider.calls() == []

    @pytest.mark.parametrize("path", ["/openai/responses", "/openai/v1/responses"])
    def test_takes_no_background_answers_while_there_is_a_limit(
        self, admin: Client, provider: Provider, path: str
    ) -> None:
        body = {"model": "gpt-5-mini", "input": "Hello", "background": True}
        admin.add_group("everything", ["*"], 10_000_000)
        try:
            answer = admin.post(path, json=body)
            assert (answer.status_code, answer.json()["error"]["param"]) == (403, "background")
            assert provider.calls() == []
        finally:
            admin.forget_definitions()
        admin.post("/openai/responses", json=body)
        assert len(provider.ended_calls(1)) == 1


class TestValves:
    """At the end: what they were is remembered for some seconds."""

    @pytest.fixture(autouse=True)
    def defaults(self, admin: Client) -> Iterator[None]:
        yield
        admin.request("POST", f"{VALVES}/update", {})

    def test_name_connections_that_are_not_asked(self, admin: Client, provider: Provider, model: str) -> None:
        admin.request("POST", f"{VALVES}/update", {"not_asked_for_usage": f"{provider.url}/openai/*"})

        def is_left_out() -> bool:
            assert admin.post(OPENAI, json=chat(model)).status_code == 200
            return "stream_options" not in provider.calls(model)[-1].request

        wait_until(is_left_out, timeout=10, every=0.5, what="the connection is not asked for usage any more")

    @pytest.mark.usefixtures("limited")
    def test_let_unknown_paths_pass_and_count_them(self, admin: Client, provider: Provider, ledger: Ledger) -> None:
        path, body = "/openai/rerank", {"model": "gpt-4o-mini", "query": "x"}
        assert admin.post(path, json=body).status_code == 403
        admin.request("POST", f"{VALVES}/update", {"allow_unknown_paths": True})
        wait_until(
            lambda: admin.post(path, json=body).status_code == 200, timeout=10, every=0.5, what="the path is allowed"
        )
        [row] = ledger.wait(1)
        assert (row.model, row.input, row.output, row.estimated) == ("gpt-4o-mini", 11, 7, 0)


def sent_as_it_is(client: Client, method: str, path: str, body: str) -> int:
    """The status of a request whose path no library has tidied up."""
    connection = http.client.HTTPConnection(client.url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
