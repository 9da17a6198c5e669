"""Events of a stream: their JSON, and the text in it that a model wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def parse_line(line: bytes) -> object:
    """The JSON object in a line, with or without ``data:`` before it. None if there is none."""
    line = line.strip()
    if line.startswith(b"data:"):
        line = line[5:].lstrip()
    if not line.startswith(b"{"):
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def streamed_text(data: bytes) -> Iterator[str]:
    """Everything that the model wrote in these lines, in any wire format: answer, reasoning, arguments of tools."""
    for line in data.splitlines():
        event = parse_line(line)
        if isinstance(event, dict):
            yield from _event_text(event)


def answered_text(body: object) -> str:
    """Everything that the model wrote in a response body that was not streamed."""
    return "".join(_event_text(body)) if isinstance(body, dict) else ""


_TEXT_KEYS = (
    *("content", "text", "reasoning_content", "reasoning", "thinking", "response"),
    *("refusal", "arguments", "partial_json"),
)
_NESTED_KEYS = (
    *("choices", "delta", "message", "tool_calls", "function", "function_call"),
    *("output", "content", "content_block", "thinking"),
)


def _event_text(event: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    if depth > 8:
        return
    kind = event.get("type")
    if depth == 0 and isinstance(kind, str) and kind.startswith("response."):
        if isinstance(event.get("delta"), str):
            yield event["delta"]
        return  # All other Responses events repeat the text of the deltas.
    for key in _TEXT_KEYS:
        # vLLM sends its reasoning twice, under the old name and the new one.
        if isinstance(event.get(key), str) and not (key == "reasoning" and event.get("reasoning_content")):
            yield event[key]
    for key in _NESTED_KEYS:
        inner = event.get(key)
        for item in inner if isinstance(inner, list) else (inner,):
            if isinstance(item, dict):
                yield from _event_text(item, depth + 1)
