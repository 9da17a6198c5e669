"""Text of chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openwebui_usage.client import responses


def content_of_answer(answer: Mapping[str, Any]) -> str:
    message = first_choice(answer).get("message")
    if message is None:
        return responses.content_of(answer)
    content = (message.get("content") or message.get("refusal")) if isinstance(message, Mapping) else None
    if isinstance(content, list):
        return "".join(
            part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def first_choice(body: object) -> Mapping[str, Any]:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, Mapping) else {}
