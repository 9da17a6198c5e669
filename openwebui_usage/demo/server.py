"""The HTTP layer of the demo provider: `GET /v1/models` and `POST /v1/chat/completions`, as OpenAI has them."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from openwebui_usage.demo.answers import MODELS, Prompt, Rejected, Reply, parse, pieces, reply

_KEEP_ALIVE = 60
"""Seconds that an idle connection stays open: longer than clients keep theirs (Open WebUI: 15 s). One that is closed on
this side may be asked in that very moment."""


def create_server() -> uvicorn.Server:
    """The demo provider, to be run on a listening socket."""
    return uvicorn.Server(
        uvicorn.Config(create_app(), log_level="warning", access_log=False, timeout_keep_alive=_KEEP_ALIVE)
    )


def create_app(delay: float = 0.02) -> Starlette:
    """The demo provider as an ASGI app. `delay` is the time in seconds between two chunks of a stream."""

    async def models(request: Request) -> Response:
        listed = [{"id": id_, "object": "model", "created": 0, "owned_by": "openwebui-usage"} for id_ in MODELS]
        return JSONResponse({"object": "list", "data": listed})

    async def chat_completions(request: Request) -> Response:
        try:
            prompt = parse(await _json(request))
        except Rejected as refusal:
            return JSONResponse(refusal.body, refusal.status)
        answer = reply(prompt)
        head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": prompt.model}
        if prompt.stream:
            return StreamingResponse(_events(head, prompt, answer, delay), media_type="text/event-stream")
        return JSONResponse(_completion(head, answer))

    return Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        ]
    )


async def _json(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Rejected(400, "The body is not valid JSON.") from None


def _completion(head: dict[str, Any], answer: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.content}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": answer.usage}


async def _events(head: dict[str, Any], prompt: Prompt, answer: Reply, delay: float) -> AsyncIterator[str]:
    """Server-sent events; usage comes in a last chunk without choices, and only where it was asked for."""
    base = {**head, "object": "chat.completion.chunk"}
    if prompt.include_usage:
        base["usage"] = None

    def event(delta: dict[str, str], finish_reason: str | None = None) -> str:
        return _event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield event({"role": "assistant", "content": ""})
    for field, text in (("reasoning_content", answer.reasoning), ("content", answer.content)):
        for piece in pieces(text):
            await asyncio.sleep(delay)
            yield event({field: piece})
    yield event({}, answer.finish_reason)
    if prompt.include_usage:
        yield _event({**base, "choices": [], "usage": answer.usage})
    yield "data: [DONE]\n\n"


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
