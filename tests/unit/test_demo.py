"""The demo provider over real HTTP: what it bills, what it refuses, and what Open WebUI asks of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from openwebui_usage.demo.answers import REASONING_TOKENS, count, pieces
from openwebui_usage.demo.server import create_app

QUESTION = "What does the reasoning effort change?"


@pytest.fixture(scope="module")
def demo() -> Iterator[httpx.Client]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(delay=0.001), log_level="warning"))
    thread = Thread(target=server.run, args=([listening],))
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}/v1", trust_env=False) as client:
        yield client
    server.should_exit = True
    thread.join(10)


def ask(demo: httpx.Client, content: Any = QUESTION, model: str = "demo-reasoner", **body: Any) -> dict[str, Any]:
    answer = demo.post(
        "/chat/completions", json={"model": model, "messages": [{"role": "user", "content": content}], **body}
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


def stream(demo: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    body = {"model": "demo-reasoner", "messages": [{"role": "user", "content": QUESTION}], "stream": True, **body}
    with demo.stream("POST", "/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def refusal(demo: httpx.Client, **body: Any) -> tuple[int, str | None]:
    body = {"model": "demo-reasoner", "messages": [{"role": "user", "content": "Hi"}], **body}
    answer = demo.post("/chat/completions", json=body)
    return answer.status_code, answer.json()["error"]["param"]


def test_lists_its_two_models_and_asks_for_no_key(demo: httpx.Client) -> None:
    listed = demo.get("/models").json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["demo-reasoner", "demo-chat"]


class TestUsage:
    @pytest.mark.parametrize("effort", ["low", "medium", "high"])
    def test_reasoning_is_a_part_of_the_completion(self, demo: httpx.Client, effort: str) -> None:
        answer = ask(demo, reasoning_effort=effort)
        usage = answer["usage"]
        reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
        assert reasoning == REASONING_TOKENS[effort]
        assert usage["completion_tokens"] == reasoning + count(answer["choices"][0]["message"]["content"])
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]

    def test_effort_is_medium_where_nothing_is_said(self, demo: httpx.Client) -> None:
        for answer in (ask(demo), ask(demo, reasoning_effort=None)):
            assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == REASONING_TOKENS["medium"]

    def test_a_model_that_does_not_reason_bills_none_and_shows_none(self, demo: httpx.Client) -> None:
        answer = ask(demo, model="demo-chat")
        assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
        assert "reasoning_content" not in answer["choices"][0]["message"]

    @pytest.mark.parametrize(
        ("content", "tokens"),
        [
            ("", 4),
            ("abcd", 4 + 1),
            ("abcde", 4 + 2),
            ("äöüß", 4 + 2),
            ([{"type": "text", "text": "abcd"}, {"type": "image_url", "image_url": {"url": "data:,"}}], 4 + 1 + 85),
            (None, 4),
            ("\ud83d", 4 + 1),
        ],
    )
    def test_prompts_are_counted_by_the_documented_rule(self, demo: httpx.Client, content: Any, tokens: int) -> None:
        body = json.dumps({"model": "demo-chat", "messages": [{"role": "user", "content": content}]})
        assert demo.post("/chat/completions", content=body).json()["usage"]["prompt_tokens"] == tokens

    @pytest.mark.parametrize("limit", [1, 100, 600])
    def test_a_limit_is_kept_and_reasoning_counts_for_it(self, demo: httpx.Client, limit: int) -> None:
        answer = ask(demo, max_completion_tokens=limit)
        assert answer["usage"]["completion_tokens"] <= limit
        assert answer["choices"][0]["finish_reason"] == "length"


class TestStreams:
    def test_usage_comes_last_and_only_when_asked_for(self, demo: httpx.Client) -> None:
        *chunks, last = stream(demo, stream_options={"include_usage": True})
        assert last["choices"] == []
        assert last["usage"] == ask(demo)["usage"]
        assert all(chunk["usage"] is None and chunk["choices"] for chunk in chunks)

    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False}])
    def test_nobody_hears_of_usage_unasked(self, demo: httpx.Client, options: Any) -> None:
        assert not any("usage" in chunk for chunk in stream(demo, stream_options=options))

    def test_the_parts_are_the_whole_answer_reasoning_first(self, demo: httpx.Client) -> None:
        deltas = [chunk["choices"][0]["delta"] for chunk in stream(demo)]
        whole = ask(demo)["choices"][0]["message"]
        for field in ("reasoning_content", "content"):
            assert "".join(delta.get(field, "") for delta in deltas) == whole[field]
        fields = [field for delta in deltas[1:] for field in delta]
        assert fields == sorted(fields, reverse=True)

    def test_a_client_that_leaves_does_no_harm(self, demo: httpx.Client) -> None:
        body = {"model": "demo-chat", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
        with demo.stream("POST", "/chat/completions", json=body) as answer:
            next(answer.iter_lines())
        time.sleep(0.1)
        assert ask(demo)["choices"]

    @pytest.mark.parametrize("text", ["", " ", "a", " a  b\n\nc ", "| a |\n|---|\n"])
    def test_pieces_make_the_text_again(self, text: str) -> None:
        assert "".join(pieces(text)) == text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "demo-chat", "reasoning_effort": "low"}, (400, "reasoning_effort")),
        ({"reasoning_effort": "ultra"}, (400, "reasoning_effort")),
        ({"reasoning_effort": 3}, (400, "reasoning_effort")),
        ({"reasoning": {"effort": "low"}}, (400, "reasoning")),
        ({"model": "demo-chat", "reasoning": {"effort": "low"}}, (400, "reasoning")),
        ({"model": "gpt-4o"}, (404, "model")),
        ({"model": ["demo-chat"]}, (404, "model")),
        ({"messages": []}, (400, "messages")),
        ({"messages": "Hi"}, (400, "messages")),
        ({"messages": [{"role": "user", "content": 7}]}, (400, "messages")),
        ({"stream_options": {"include_usage": True}}, (400, "stream_options")),
        ({"max_tokens": 0}, (400, "max_tokens")),
    ],
)
def test_refuses_what_a_strict_provider_refuses(
    demo: httpx.Client, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(demo, **body) == expected


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(demo: httpx.Client, body: str) -> None:
    assert demo.post("/chat/completions", content=body).status_code == httpx.codes.BAD_REQUEST


class TestAnswers:
    def test_it_says_that_it_is_the_demo_and_what_was_asked(self, demo: httpx.Client) -> None:
        text = ask(demo, "Tell me about\nsea otters")["choices"][0]["message"]["content"]
        assert "built-in demo" in text
        assert "> Tell me about\n> sea otters" in text

    @pytest.mark.parametrize(
        ("question", "told"),
        [
            ("How do I connect a real provider?", "OPENAI_API_KEY"),
            ("What do IN and OUT mean, in tokens?", "prompt tokens"),
            ("What does the reasoning effort change?", "2,048"),
        ],
    )
    def test_it_knows_its_own_topics(self, demo: httpx.Client, question: str, told: str) -> None:
        assert told in ask(demo, question)["choices"][0]["message"]["content"]


class TestTasks:
    """Open WebUI looks for one JSON object in the answer to each of its own prompts."""

    HISTORY = "<chat_history>\nUSER: how do I bake sourdough, and when?\nASSISTANT: Slowly.\n</chat_history>"

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("title", "How do I bake sourdough"),
            ("tags", ["General"]),
            ("queries", ["how do I bake sourdough, and when?"]),
            ("text", ""),
        ],
    )
    def test_gets_the_json_it_expects(self, demo: httpx.Client, key: str, expected: object) -> None:
        prompt = f'### Task:\nDo it.\n### Output:\nJSON format: {{ "{key}": … }}\n### Chat History:\n{self.HISTORY}'
        assert json.loads(ask(demo, prompt)["choices"][0]["message"]["content"]) == {key: expected}

    def test_follow_ups_are_questions_that_it_can_answer(self, demo: httpx.Client) -> None:
        prompt = f'### Task:\nSuggest.\n### Output:\nJSON format: {{ "follow_ups": ["…"] }}\n{self.HISTORY}'
        for question in json.loads(ask(demo, prompt)["choices"][0]["message"]["content"])["follow_ups"]:
            assert "Everything around" not in ask(demo, question)["choices"][0]["message"]["content"]

    def test_a_person_who_writes_about_titles_gets_an_answer(self, demo: httpx.Client) -> None:
        text = ask(demo, 'What is { "title": "x" }?')["choices"][0]["message"]["content"]
        assert "built-in demo" in text
