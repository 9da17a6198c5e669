"""Ollama's own API: /api/chat and /api/generate, as lines of JSON."""

from __future__ import annotations

import json
from typing import Any

from tests.support.provider.behaviour import Behaviour
from tests.support.provider.plan import Bill, Call, Frame, Plan
from tests.support.provider.wire import encode

MEDIA_TYPE = "application/x-ndjson"
_CREATED = "2026-01-01T00:00:00.000000Z"


class OllamaWire:
    """The two differ only in where the text stands: in `message.content` or in `response`."""

    MEDIA_TYPE = MEDIA_TYPE

    def __init__(self, api: str) -> None:
        self.API = api

    def read(self, body: dict[str, Any]) -> Call:
        messages = body.get("messages") or []
        think = body.get("think")
        return Call(
            model=str(body.get("model")),
            prompt=encode.text_of([body.get("system") or "", body.get("prompt") or "", messages]),
            stream=body.get("stream", True) is not False,
            effort=think if isinstance(think, str) else None,
            has_tools=bool(body.get("tools")),
            has_tool_result=bool(messages) and messages[-1].get("role") == "tool",
        )

    def complaint(self, body: dict[str, Any], behaviour: Behaviour) -> str | None:
        """Ollama ignores what it doesn't know, but knows which models think."""
        think = body.get("think")
        if think and not behaviour.reasons:
            return f'"{body.get("model")}" does not support thinking'
        if think is not None and not isinstance(think, bool) and think not in ("low", "medium", "high"):
            return f'invalid think value: "{think}" (must be "high", "medium", "low", true, or false)'
        return None

    def completion(self, bill: Bill, behaviour: Behaviour) -> int:
        return bill.output

    def whole(self, plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
        reported = None if plan.behaviour.usage == "never" else usage(plan.bill)
        said = self._said("" if plan.tool else plan.text, thinking=plan.thinking, tool=plan.tool, arguments=plan.text)
        return {**_head(plan), **said, **_ending(), **(reported or {})}, reported

    def frames(self, plan: Plan) -> list[Frame]:
        made: list[Frame] = []

        def line(thoughts: int, pieces: int, told: dict[str, Any] | None = None, **fields: Any) -> None:
            data = (encode.compact({**_head(plan), **fields}) + "\n").encode()
            made.append(Frame(data, plan.so_far(thoughts, pieces), told))

        for number, thought in enumerate(plan.thoughts, 1):
            line(number, 0, **self._said("", thinking=thought), done=False)
        thoughts = len(plan.thoughts)
        if plan.tool:
            line(thoughts, len(plan.pieces), **self._said("", tool=plan.tool, arguments=plan.text), done=False)
        else:
            for number, piece in enumerate(plan.pieces, 1):
                line(thoughts, number, **self._said(piece), done=False)
        reported = None if plan.behaviour.usage == "never" else usage(plan.bill)
        line(thoughts, len(plan.pieces), reported, **self._said(""), **_ending(), **(reported or {}))
        return made

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": message}

    def error_frame(self, message: str) -> bytes:
        return (encode.compact({"error": message}) + "\n").encode()

    def _said(self, text: str, *, thinking: str = "", tool: str | None = None, arguments: str = "{}") -> dict[str, Any]:
        thought = {"thinking": thinking} if thinking else {}
        if self.API == "ollama_generate":
            return {"response": text, **thought}
        calls = {"tool_calls": [{"function": {"name": tool, "arguments": json.loads(arguments)}}]} if tool else {}
        return {"message": {"role": "assistant", "content": text, **thought, **calls}}


def usage(bill: Bill) -> dict[str, Any]:
    return {
        "prompt_eval_count": bill.prompt,
        "prompt_eval_duration": 12_000_000,
        "eval_count": bill.output,
        "eval_duration": 98_000_000,
        **({"prompt_eval_cached_count": bill.cached} if bill.cached else {}),
    }


chat = OllamaWire("ollama_chat")
generate = OllamaWire("ollama_generate")


def _head(plan: Plan) -> dict[str, Any]:
    return {"model": plan.model, "created_at": _CREATED}


def _ending() -> dict[str, Any]:
    return {"done": True, "done_reason": "stop", "total_duration": 120_000_000, "load_duration": 10_000_000}
