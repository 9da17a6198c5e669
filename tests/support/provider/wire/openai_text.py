"""OpenAI's old text completions, which Ollama still serves."""

from __future__ import annotations

from typing import Any

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import CALL_ID, Bill, Call, Frame, Plan
from tests.support.provider.wire import encode, openai_chat

API = "text"
MEDIA_TYPE = "text/event-stream"


def read(body: dict[str, Any]) -> Call:
    return Call(
        model=str(body.get("model")),
        prompt=encode.text_of(body.get("prompt")),
        stream=bool(body.get("stream")),
        wants_usage=not body.get("stream") or bool((body.get("stream_options") or {}).get("include_usage")),
    )


def complaint(body: dict[str, Any], behaviour: Behaviour) -> str | None:
    return None


def completion(bill: Bill, behaviour: Behaviour) -> int:
    return openai_chat.completion(bill, behaviour)


def whole(plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    reported = None if plan.behaviour.usage == "never" else openai_chat.usage(plan.bill, plan.behaviour)
    return {**_chunk(plan, plan.text, "stop"), **({"usage": reported} if reported else {})}, reported


def frames(plan: Plan) -> list[Frame]:
    crlf = plan.behaviour.crlf
    made = [
        Frame(encode.event(_chunk(plan, piece), crlf=crlf), plan.so_far(len(plan.thoughts), number))
        for number, piece in enumerate(plan.pieces, 1)
    ]
    made.append(Frame(encode.event(_chunk(plan, "", "stop"), crlf=crlf), plan.bill))
    if plan.reports:
        reported = openai_chat.usage(plan.bill, plan.behaviour)
        value = {**_chunk(plan, ""), "choices": [], "usage": reported}
        made.append(Frame(encode.event(value, crlf=crlf), plan.bill, reported))
    made.append(Frame(encode.event("[DONE]", crlf=crlf), plan.bill))
    return made


def error(status: int, message: str) -> dict[str, Any]:
    return openai_chat.error(status, message)


def error_frame(message: str) -> bytes:
    return openai_chat.error_frame(message)


def _chunk(plan: Plan, text: str, finish: str | None = None) -> dict[str, Any]:
    return {
        "id": f"cmpl-{CALL_ID}",
        "object": "text_completion",
        "created": 1_760_000_000,
        "model": plan.model,
        "choices": [{"index": 0, "text": text, "finish_reason": finish}],
    }
