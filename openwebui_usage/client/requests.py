"""The body of `POST /chat`, and the error messages about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from openwebui_usage.rules.effort import DEFAULT_EFFORT, EFFORTS, Effort, parse_effort

MAX_BODY = 4_000_000
"""Bytes of a request's body."""
MAX_MESSAGES = 200
MAX_CONTENT = 400_000
"""Characters of one message's text."""
_MAX_PARTS = 20


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("chat", text)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("must be a text")
    if len(value) > MAX_CONTENT:
        raise _wrong(f"is longer than {MAX_CONTENT:,} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong("is no valid Unicode (half a surrogate pair)") from None
    return value


def _content(value: object) -> object:
    if not isinstance(value, list):
        return _text(value)
    if not 0 < len(value) <= _MAX_PARTS:
        raise _wrong(f"must have 1 to {_MAX_PARTS} parts")
    return [_part(part) for part in value]


def _part(part: object) -> dict[str, Any]:
    if isinstance(part, Mapping) and part.get("type") == "text":
        return {"type": "text", "text": _text(part.get("text"))}
    image = part.get("image_url") if isinstance(part, Mapping) and part.get("type") == "image_url" else None
    url = image.get("url") if isinstance(image, Mapping) else None
    if not isinstance(url, str) or not url.isascii():
        raise _wrong('must be a text, or a list of parts of type "text" or "image_url"')
    return {"type": "image_url", "image_url": {"url": url}}


def _messages(value: object) -> object:
    if not isinstance(value, list) or not value:
        raise _wrong("must be a list of at least one message")
    if len(value) > MAX_MESSAGES:
        raise _wrong(f"has {len(value)} messages, the most are {MAX_MESSAGES}")
    for message in value:
        if not isinstance(message, Mapping):
            raise _wrong('must be a list of messages such as {"role": "user", "content": "Hello"}')
    return value


def _effort(value: object) -> object:
    effort = DEFAULT_EFFORT if value is None else parse_effort(value)
    if effort is None:
        raise _wrong(f"must be {', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}")
    return effort


class Message(BaseModel):
    """One message. Fields that providers do not know are dropped."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Any, BeforeValidator(_content)]


class ChatRequest(BaseModel):
    """The documented body, without the token, which may be in a header instead."""

    model_config = ConfigDict(extra="ignore")

    messages: Annotated[list[Message], BeforeValidator(_messages)]
    reasoning_effort: Annotated[Effort, BeforeValidator(_effort)] = DEFAULT_EFFORT
    stream: bool = Field(default=False, strict=True)


def complaint(error: ValidationError) -> str:
    """The first error as a sentence that names the field: `messages[0].content: must be a text`."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ""
    for part in first["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    text = first["msg"]
    return f"{place}: {text[:1].lower()}{text[1:]}"
