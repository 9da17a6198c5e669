"""A question and its answer in the words of the Responses API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from openwebui_usage.client.responses import content_of, failure_in, is_needed, piece_of, request_of
from openwebui_usage.client.upstream import Provider, ProviderFailed, Upstream, reason_of_event


@pytest.mark.parametrize(
    ("model", "needed"),
    [
        *((model, True) for model in ("o1-pro", "o1-pro-2025-03-19", "o3-pro", "gpt-5-pro", "gpt-5.2-pro")),
        *((model, True) for model in ("gpt-5-codex", "gpt-5.1-codex-max", "codex-mini-latest", "O1-Pro")),
        *((model, False) for model in ("o1", "o1-preview", "gpt-5", "gpt-5-mini", "gpt-4o", "o3-mini", "")),
        *((model, False) for model in ("openai/gpt-5-pro", "deepseek-pro", "gemini-2.5-pro")),
    ],
)
def test_openais_pro_and_codex_models_answer_nowhere_else(model: str, needed: bool) -> None:
    assert is_needed(model) is needed


def test_a_question_is_the_same_in_other_words() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    asked = request_of(
        {
            "model": "o1-pro",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]},
                {"role": "assistant", "content": [{"type": "text", "text": "A dot."}]},
                {"role": "user", "content": "Sure?"},
            ],
            "reasoning_effort": "high",
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    )
    seen = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    assert asked == {
        "model": "o1-pro",
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, seen]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "A dot."}]},
            {"role": "user", "content": "Sure?"},
        ],
        "reasoning": {"effort": "high"},
        "stream": True,
        "store": False,
    }


@pytest.mark.parametrize(
    ("event", "piece"),
    [
        ({"type": "response.output_text.delta", "delta": "Yes"}, ("content", "Yes")),
        ({"type": "response.refusal.delta", "delta": "No"}, ("content", "No")),
        ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, ("thinking", "Hm")),
        ({"type": "response.reasoning_text.delta", "delta": "Hm"}, ("thinking", "Hm")),
        ({"type": "response.output_text.done", "text": "Yes"}, None),
        ({"type": "response.output_text.delta", "delta": ""}, None),
        ({"type": ["response.output_text.delta"], "delta": "Yes"}, None),
        (None, None),
        ([], None),
    ],
)
def test_a_stream_is_read_piece_by_piece(event: Any, piece: Any) -> None:
    assert piece_of(event) == piece


def test_a_whole_answer_is_its_messages_without_its_thoughts() -> None:
    said = {"type": "message", "content": [{"type": "output_text", "text": "Yes"}, {"type": "refusal", "refusal": "!"}]}
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert content_of({"output": [thought, said, None, {"type": "message", "content": "?"}]}) == "Yes!"
    assert content_of({"output": "?"}) == content_of({}) == ""


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "response.failed", "response": {"error": {"message": "Too long."}}}, "Too long."),
        ({"type": "response.failed", "response": {"error": None}}, "The provider broke off with an error."),
        ({"type": "error", "message": "Too long."}, "Too long."),
        ({"type": "error", "error": {"message": "Too long."}}, "Too long."),
        ({"type": "response.completed", "response": {"error": None}}, None),
        ({"error": None}, None),
    ],
)
def test_a_failure_is_told(event: Any, reason: str | None) -> None:
    assert reason_of_event(event) == reason


def test_an_answer_that_failed_is_a_failure() -> None:
    assert failure_in({"object": "response", "status": "failed", "error": {"message": "No."}}) is not None
    assert failure_in({"object": "response", "status": "incomplete", "error": None}) is None


ANSWER = {"choices": [{"message": {"content": "Yes"}}], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}


@pytest.mark.parametrize(("chat_status", "wire"), [(200, "chat"), (404, "responses")])
def test_a_gateway_without_responses_is_asked_by_chat_completions(chat_status: int, wire: str) -> None:
    """Once it is known: the first question is asked twice, the second one is not."""
    asked: list[str] = []

    async def chat(request: Request) -> JSONResponse:
        body = json.loads(await request.body())
        asked.append(f"{body['model']}: {body['messages'][0]['content']}")
        return JSONResponse(ANSWER if chat_status == 200 else {"error": {"message": "No such model."}}, chat_status)

    async def scenario() -> None:
        provider = Provider(Upstream("gpt-5-codex", "http://gateway/v1"), timeout=5)
        assert provider.wire == "responses"
        app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway/v1/") as provider._http:
            body = provider.body([{"role": "user", "content": "Sure?"}], "low", stream=False)
            for _ in range(2):
                if chat_status == 200:
                    assert await provider.ask(body) == ANSWER
                else:
                    with pytest.raises(ProviderFailed):
                        await provider.ask(body)
        assert provider.wire == wire
        assert asked == ["gpt-5-codex: Sure?"] * 2

    asyncio.run(scenario())
