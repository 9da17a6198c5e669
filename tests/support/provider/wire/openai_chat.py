"""OpenAI chat completions, and what other providers made of its usage object."""

from __future__ import annotations

from typing import Any

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import CALL_ID, Bill, Call, Frame, Plan
from tests.support.provider.wire import encode

API = "chat"
MEDIA_TYPE = "text/event-stream"

_KEYS = encode.keys(
    """audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
    metadata modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort
    response_format safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools
    top_logprobs top_p user verbosity web_search_options"""
)
_MORE_KEYS = {
    "openrouter": frozenset({"reasoning", "usage", "provider", "models", "transforms", "plugins", "top_k", "min_p"}),
    "llamacpp": frozenset({"continue_final_message", "add_generation_prompt", "top_k", "min_p", "cache_prompt"}),
}


def read(body: dict[str, Any]) -> Call:
    messages = body.get("messages") or []
    return Call(
        model=str(body.get("model")),
        prompt=encode.text_of(messages),
        stream=bool(body.get("stream")),
        effort=body.get("reasoning_effort") or _effort_of(body.get("reasoning")),
        wants_usage=not body.get("stream") or bool((body.get("stream_options") or {}).get("include_usage")),
        has_tools=bool(body.get("tools")),
        has_tool_result=bool(messages) and messages[-1].get("role") == "tool",
    )


def _effort_of(reasoning: Any) -> str | None:
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    return effort if isinstance(effort, str) else None


def complaint(body: dict[str, Any], behaviour: Behaviour) -> str | None:
    if "stream_options" in body and not body.get("stream"):
        return "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return encode.unknown_keys(body, _KEYS | _MORE_KEYS.get(behaviour.dialect, frozenset())) or encode.bad_effort(
        body.get("reasoning_effort"), name="reasoning_effort", reasons=behaviour.reasons
    )


def completion(bill: Bill, behaviour: Behaviour) -> int:
    return bill.visible if behaviour.dialect in ("xai", "gemini") else bill.output


def usage(bill: Bill, behaviour: Behaviour) -> dict[str, Any]:
    """The usage object in the behaviour's dialect."""
    total = bill.prompt + bill.output
    if behaviour.usage == "total_only":
        return {"total_tokens": total}
    reported: dict[str, Any] = {
        "prompt_tokens": bill.prompt,
        "completion_tokens": completion(bill, behaviour),
        "total_tokens": total,
    }
    if behaviour.dialect in ("gemini", "llamacpp"):
        return reported
    reported["prompt_tokens_details"] = {"cached_tokens": bill.cached, "audio_tokens": 0}
    reported["completion_tokens_details"] = {"reasoning_tokens": bill.reasoning, "audio_tokens": 0}
    if bill.cache_write:
        reported["prompt_tokens_details"]["cache_write_tokens"] = bill.cache_write
    if behaviour.dialect == "deepseek":
        reported["prompt_cache_hit_tokens"] = bill.cached
        reported["prompt_cache_miss_tokens"] = bill.prompt - bill.cached
    if behaviour.dialect == "openrouter":
        reported["cost"] = behaviour.cost or 0
        reported["cost_details"] = {"upstream_inference_cost": None}
    return reported


def timings(bill: Bill) -> dict[str, Any]:
    """llama.cpp's own numbers. Its prompt_n leaves out what came from the cache."""
    return {
        "cache_n": bill.cached,
        "prompt_n": bill.prompt - bill.cached,
        "prompt_ms": 12.5,
        "predicted_n": bill.output,
        "predicted_ms": 98.7,
    }


def whole(plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    behaviour = plan.behaviour
    message: dict[str, Any] = {"role": "assistant", "content": None if plan.tool else plan.text}
    if plan.thoughts:
        message["reasoning_content"] = plan.thinking
    if plan.tool:
        message["tool_calls"] = [
            {"id": f"tool_{CALL_ID}", "type": "function", "function": {"name": plan.tool, "arguments": plan.text}}
        ]
    reported = None if behaviour.usage in ("never", "timings_only") else usage(plan.bill, behaviour)
    return {
        **_head(plan, "chat.completion"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(plan)}],
        **({"usage": reported} if reported else {}),
        **_timings_of(plan),
    }, reported


def frames(plan: Plan) -> list[Frame]:
    behaviour, made = plan.behaviour, []
    head = _head(plan, "chat.completion.chunk")

    def chunk(delta: dict[str, Any], thoughts: int, pieces: int, finish: str | None = None) -> None:
        bill = plan.so_far(thoughts, pieces)
        value = {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        reported = None
        if behaviour.usage == "every_chunk" or (finish and behaviour.usage == "last_choice"):
            value["usage"] = reported = usage(bill, behaviour)
        elif plan.reports and behaviour.usage == "asked":
            value["usage"] = None
        if finish and behaviour.usage in ("last_choice", "timings_only"):
            value |= _timings_of(plan)
        made.append(Frame(encode.event(value, crlf=behaviour.crlf), bill, reported))

    thoughts, pieces = len(plan.thoughts), len(plan.pieces)
    chunk({"role": "assistant", "content": ""}, 0, 0)
    for number, thought in enumerate(plan.thoughts, 1):
        chunk({"reasoning_content": thought}, number, 0)
    if plan.tool:
        function = {"name": plan.tool, "arguments": ""}
        chunk({"tool_calls": [{"index": 0, "id": f"tool_{CALL_ID}", "type": "function", "function": function}]}, 0, 0)
    for number, piece in enumerate(plan.pieces, 1):
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if plan.tool else {"content": piece}
        chunk(delta, thoughts, number)
    chunk({}, thoughts, pieces, _finish_reason(plan))
    if plan.reports and behaviour.usage in ("asked", "always", "total_only"):
        reported = usage(plan.bill, behaviour)
        value = {**head, "choices": [], "usage": reported}
        made.append(Frame(encode.event(value, crlf=behaviour.crlf), plan.bill, reported))
    made.append(Frame(encode.event("[DONE]", crlf=behaviour.crlf), plan.bill))
    return made


def error(status: int, message: str) -> dict[str, Any]:
    return encode.openai_error(status, message)


def error_frame(message: str) -> bytes:
    return encode.event(encode.openai_error(500, message))


def _head(plan: Plan, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{CALL_ID}",
        "object": kind,
        "created": 1_760_000_000,
        "model": plan.model,
        "system_fingerprint": "fp_stand_in",
    }


def _finish_reason(plan: Plan) -> str:
    return "tool_calls" if plan.tool else "stop"


def _timings_of(plan: Plan) -> dict[str, Any]:
    return {"timings": timings(plan.bill)} if plan.behaviour.dialect == "llamacpp" else {}
