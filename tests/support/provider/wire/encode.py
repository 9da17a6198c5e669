"""JSON, server-sent events and text out of messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def event(value: Any, *, name: str | None = None, crlf: bool = False) -> bytes:
    """One server-sent event. A string goes out as it is, anything else as JSON."""
    end = "\r\n" if crlf else "\n"
    head = f"event: {name}{end}" if name else ""
    return f"{head}data: {value if isinstance(value, str) else compact(value)}{end}{end}".encode()


def text_of(content: Any) -> str:
    """All text in a message's content, a list of parts, a list of messages or a string."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return "".join(text_of(content.get(key)) for key in ("text", "content", "input", "output"))
    if isinstance(content, Iterable):
        return "\n".join(text_of(part) for part in content)
    return ""


def keys(names: str) -> frozenset[str]:
    """Names parted by blanks, as a set."""
    return frozenset(names.split())


def unknown_keys(body: dict[str, Any], known: frozenset[str]) -> str | None:
    unknown = sorted(set(body) - known)
    return f"Unrecognized request argument supplied: {', '.join(unknown)}" if unknown else None


def bad_effort(effort: Any, *, name: str, reasons: bool) -> str | None:
    if effort is None:
        return None
    if not reasons:
        return f"Unsupported parameter: '{name}' is not supported with this model."
    if effort not in ("none", "minimal", "low", "medium", "high", "xhigh", "max"):
        return f"Invalid value for '{name}': {effort!r}"
    return None


def openai_error(status: int, message: str) -> dict[str, Any]:
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
