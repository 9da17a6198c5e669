"""OpenAI's Responses API."""

from __future__ import annotations

from typing import Any

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import CALL_ID, Bill, Call, Frame, Plan
from tests.support.provider.wire import encode

API = "responses"
MEDIA_TYPE = "text/event-stream"

_KEYS = encode.keys(
    """background conversation include input instructions max_output_tokens max_tool_calls metadata model
    parallel_tool_calls previous_response_id prompt prompt_cache_key reasoning safety_identifier service_tier store
    stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user"""
)


def read(body: dict[str, Any]) -> Call:
    given = body.get("input") or []
    last = given[-1] if isinstance(given, list) and given else {}
    return Call(
        model=str(body.get("model")),
        prompt=encode.text_of([body.get("instructions") or "", given]),
        stream=bool(body.get("stream")),
        effort=(body.get("reasoning") or {}).get("effort"),
        has_tools=bool(body.get("tools")),
        has_tool_result=isinstance(last, dict) and last.get("type") == "function_call_output",
    )


def complaint(body: dict[str, Any], behaviour: Behaviour) -> str | None:
    return encode.unknown_keys(body, _KEYS) or encode.bad_effort(
        (body.get("reasoning") or {}).get("effort"), name="reasoning.effort", reasons=behaviour.reasons
    )


def completion(bill: Bill, behaviour: Behaviour) -> int:
    return bill.output


def usage(bill: Bill) -> dict[str, Any]:
    return {
        "input_tokens": bill.prompt,
        "input_tokens_details": {"cached_tokens": bill.cached},
        "output_tokens": bill.output,
        "output_tokens_details": {"reasoning_tokens": bill.reasoning},
        "total_tokens": bill.prompt + bill.output,
    }


def whole(plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    reported = None if plan.behaviour.usage == "never" else usage(plan.bill)
    return _response(plan, "completed", _output(plan), reported), reported


def frames(plan: Plan) -> list[Frame]:
    made: list[Frame] = []

    def send(name: str, thoughts: int, pieces: int, *, told: dict[str, Any] | None = None, **fields: Any) -> None:
        value = {"type": name, "sequence_number": len(made), **fields}
        data = encode.event(value, name=name, crlf=plan.behaviour.crlf)
        made.append(Frame(data, plan.so_far(thoughts, pieces), told))

    item = _output(plan)[-1]
    place: dict[str, Any] = {"output_index": 0, "item_id": item["id"]}
    where = {**place, "content_index": 0}
    send("response.created", 0, 0, response=_response(plan, "in_progress", [], None))
    send("response.in_progress", 0, 0, response=_response(plan, "in_progress", [], None))
    thoughts = len(plan.thoughts)
    for number, thought in enumerate(plan.thoughts, 1):
        send("response.reasoning_summary_text.delta", number, 0, **place, summary_index=0, delta=thought)
    if plan.tool:
        started = {**item, "status": "in_progress", "arguments": ""}
        send("response.output_item.added", thoughts, 0, output_index=0, item=started)
        for number, piece in enumerate(plan.pieces, 1):
            send("response.function_call_arguments.delta", thoughts, number, **place, delta=piece)
        send("response.function_call_arguments.done", thoughts, len(plan.pieces), **place, arguments=plan.text)
    else:
        started = {**item, "status": "in_progress", "content": []}
        send("response.output_item.added", thoughts, 0, output_index=0, item=started)
        part = {"type": "output_text", "text": "", "annotations": []}
        send("response.content_part.added", thoughts, 0, **where, part=part)
        for number, piece in enumerate(plan.pieces, 1):
            send("response.output_text.delta", thoughts, number, **where, delta=piece)
        send("response.output_text.done", thoughts, len(plan.pieces), **where, text=plan.text)
        send("response.content_part.done", thoughts, len(plan.pieces), **where, part={**part, "text": plan.text})
    send("response.output_item.done", thoughts, len(plan.pieces), output_index=0, item=item)
    response, reported = whole(plan)
    send("response.completed", thoughts, len(plan.pieces), told=reported, response=response)
    return made


def error(status: int, message: str) -> dict[str, Any]:
    return encode.openai_error(status, message)


def error_frame(message: str) -> bytes:
    response = {"id": f"resp_{CALL_ID}", "status": "failed", "error": {"code": "server_error", "message": message}}
    return encode.event({"type": "response.failed", "response": response}, name="response.failed")


def _output(plan: Plan) -> list[dict[str, Any]]:
    if plan.tool:
        call = {"type": "function_call", "id": f"fc_{CALL_ID}", "call_id": f"tool_{CALL_ID}", "status": "completed"}
        return [{**call, "name": plan.tool, "arguments": plan.text}]
    content = [{"type": "output_text", "text": plan.text, "annotations": []}]
    message = {"type": "message", "id": f"msg_{CALL_ID}", "status": "completed", "role": "assistant"}
    return [{**message, "content": content}]


def _response(plan: Plan, status: str, output: list[dict[str, Any]], told: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": f"resp_{CALL_ID}",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": plan.model,
        "output": output,
        "usage": told,
    }
