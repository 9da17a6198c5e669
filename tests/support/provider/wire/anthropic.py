"""Anthropic's Messages API. Its input_tokens leaves out what was read from or written to the cache."""

from __future__ import annotations

import json
from typing import Any

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import CALL_ID, Bill, Call, Frame, Plan
from tests.support.provider.wire import encode

API = "messages"
MEDIA_TYPE = "text/event-stream"

_KEYS = encode.keys(
    """container context_management max_tokens mcp_servers messages metadata model output_config service_tier
    stop_sequences stream system temperature thinking tool_choice tools top_k top_p"""
)


def read(body: dict[str, Any]) -> Call:
    messages = body.get("messages") or []
    last = messages[-1].get("content") if messages else None
    return Call(
        model=str(body.get("model")),
        prompt=encode.text_of([body.get("system") or "", messages]),
        stream=bool(body.get("stream")),
        effort=(body.get("output_config") or {}).get("effort"),
        has_tools=bool(body.get("tools")),
        has_tool_result=isinstance(last, list) and any(part.get("type") == "tool_result" for part in last),
    )


def complaint(body: dict[str, Any], behaviour: Behaviour) -> str | None:
    if "max_tokens" not in body:
        return "max_tokens: Field required"
    return encode.unknown_keys(body, _KEYS) or encode.bad_effort(
        (body.get("output_config") or {}).get("effort"), name="output_config.effort", reasons=behaviour.reasons
    )


def completion(bill: Bill, behaviour: Behaviour) -> int:
    return bill.output


def usage(bill: Bill) -> dict[str, Any]:
    return {
        "input_tokens": bill.prompt - bill.cached - bill.cache_write,
        "cache_creation_input_tokens": bill.cache_write,
        "cache_read_input_tokens": bill.cached,
        "output_tokens": bill.output,
    }


def whole(plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    reported = None if plan.behaviour.usage == "never" else usage(plan.bill)
    content: list[dict[str, Any]] = [_block(plan, full=True)]
    if plan.thoughts:
        content.insert(0, {"type": "thinking", "thinking": plan.thinking, "signature": "c2lnbmVk"})
    message = _message(plan, content, _stop_reason(plan))
    return {**message, **({"usage": reported} if reported else {})}, reported


def frames(plan: Plan) -> list[Frame]:
    made: list[Frame] = []
    tells = plan.behaviour.usage != "never"

    def send(name: str, thoughts: int, pieces: int, *, told: dict[str, Any] | None = None, **fields: Any) -> None:
        data = encode.event({"type": name, **fields}, name=name, crlf=plan.behaviour.crlf)
        made.append(Frame(data, plan.so_far(thoughts, pieces), told))

    first = {**usage(plan.bill), "output_tokens": 1}
    message = {**_message(plan, [], None), **({"usage": first} if tells else {})}
    send("message_start", 0, 0, told=first if tells else None, message=message)
    send("ping", 0, 0)
    thoughts, index = len(plan.thoughts), 0
    if plan.thoughts:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        send("content_block_start", 0, 0, index=0, content_block=block)
        for number, thought in enumerate(plan.thoughts, 1):
            delta = {"type": "thinking_delta", "thinking": thought}
            send("content_block_delta", number, 0, index=0, delta=delta)
        send("content_block_stop", thoughts, 0, index=0)
        index = 1
    send("content_block_start", thoughts, 0, index=index, content_block=_block(plan, full=False))
    for number, piece in enumerate(plan.pieces, 1):
        delta = (
            {"type": "input_json_delta", "partial_json": piece} if plan.tool else {"type": "text_delta", "text": piece}
        )
        send("content_block_delta", thoughts, number, index=index, delta=delta)
    send("content_block_stop", thoughts, len(plan.pieces), index=index)
    last = usage(plan.bill) if tells else None
    ending: dict[str, Any] = {"delta": {"stop_reason": _stop_reason(plan), "stop_sequence": None}}
    send("message_delta", thoughts, len(plan.pieces), told=last, **ending, **({"usage": last} if last else {}))
    send("message_stop", thoughts, len(plan.pieces))
    return made


def error(status: int, message: str) -> dict[str, Any]:
    kind = {429: "rate_limit_error", 400: "invalid_request_error"}.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def error_frame(message: str) -> bytes:
    return encode.event({"type": "error", "error": {"type": "overloaded_error", "message": message}}, name="error")


def _block(plan: Plan, *, full: bool) -> dict[str, Any]:
    if plan.tool:
        given = json.loads(plan.text) if full else {}
        return {"type": "tool_use", "id": f"toolu_{CALL_ID}", "name": plan.tool, "input": given}
    return {"type": "text", "text": plan.text if full else ""}


def _message(plan: Plan, content: list[dict[str, Any]], stop_reason: str | None) -> dict[str, Any]:
    return {
        "id": f"msg_{CALL_ID}",
        "type": "message",
        "role": "assistant",
        "model": plan.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _stop_reason(plan: Plan) -> str:
    return "tool_use" if plan.tool else "end_turn"
