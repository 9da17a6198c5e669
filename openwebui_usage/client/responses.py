"""Translates chat completions to OpenAI's Responses API and back, for models that are only available there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openwebui_usage.rules.effort import chat_to_responses
from openwebui_usage.rules.groups import matches

ONLY_HERE = (
    *("o1-pro*", "o3-pro*", "gpt-5-pro*", "gpt-5.*-pro*", "gpt-6*-pro*", "gpt-5*-codex*", "gpt-6*-codex*"),
    *("codex-mini*", "o3-deep-research*", "o4-mini-deep-research*"),
)
"""Models that OpenAI's documentation marks as "Responses API only". Ids of gateways have a prefix and do not match:
these offer the same models as chat completions.
"""


def is_needed(model: str) -> bool:
    """Whether OpenAI offers `model` in the Responses API only."""
    return any(matches(pattern, model.lower()) for pattern in ONLY_HERE)


def request_of(chat: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a chat completion as that of a response. The provider is asked to store nothing."""
    body = {key: value for key, value in chat.items() if key not in ("messages", "stream_options")}
    body |= {"input": [_message(message) for message in chat.get("messages", ())], "store": False}
    chat_to_responses(body)
    return body


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        kind = "output_text" if message.get("role") == "assistant" else "input_text"
        content = [_part(part, kind) for part in content]
    return {"role": message.get("role"), "content": content}


def _part(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    image = part.get("image_url")
    if isinstance(image, Mapping):
        return {"type": "input_image", "image_url": image.get("url")}
    return {"type": kind, "text": part.get("text")}


def content_of(answer: Mapping[str, Any]) -> str:
    """The text of a complete answer."""
    return "".join(_texts(answer))


def _texts(answer: Mapping[str, Any]) -> Iterator[str]:
    output = answer.get("output")
    for item in output if isinstance(output, list) else ():
        content = item.get("content") if isinstance(item, Mapping) and item.get("type") == "message" else None
        for part in content if isinstance(content, list) else ():
            text = (part.get("text") or part.get("refusal")) if isinstance(part, Mapping) else None
            if isinstance(text, str):
                yield text


_KINDS = {
    "response.output_text.delta": "content",
    "response.refusal.delta": "content",
    "response.reasoning_text.delta": "thinking",
    "response.reasoning_summary_text.delta": "thinking",
}


def piece_of(event: object) -> tuple[str, str] | None:
    """The kind (`content` or `thinking`) and the text of an event of a stream. None if it has no text."""
    if not isinstance(event, Mapping):
        return None
    kind, text = event.get("type"), event.get("delta")
    known = _KINDS.get(kind) if isinstance(kind, str) else None
    return (known, text) if known and isinstance(text, str) and text else None


def failure_in(event: object) -> Mapping[str, Any] | None:
    """The object with the `error`, if an event or an answer reports a failure."""
    if not isinstance(event, Mapping):
        return None
    response = event.get("response")
    if event.get("type") == "response.failed" and isinstance(response, Mapping):
        return response if response.get("error") else {"error": True}
    if event.get("type") == "error" and not event.get("error"):
        return {"error": {"message": event.get("message")}}
    if event.get("object") == "response" and event.get("status") == "failed":
        return event if event.get("error") else {"error": True}
    return None
