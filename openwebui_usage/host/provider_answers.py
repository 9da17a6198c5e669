"""What the host gives back of a provider's refusal: a response, a stream, a dictionary or an exception."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

log = logging.getLogger(__name__)

Refusal = tuple[int, object]
"""The provider's HTTP status, and what it said: parsed JSON, text or bytes."""

_MOST_BYTES = 100_000


async def refusal_in(result: Any) -> Refusal | None:
    """The refusal that `result` of a host's function is; None where it is an answer.

    A stream that is refused is read, and put back as it was. One that is answered is not touched.
    """
    status = getattr(result, "status_code", 200)
    if not isinstance(status, int) or status < 400:
        return (400, result) if tells_error(result) else None
    body = getattr(result, "body", None)
    if isinstance(body, bytes | bytearray | memoryview):
        return status, bytes(body)
    chunks = getattr(result, "body_iterator", None)
    return None if chunks is None else (status, await _beginning(result, chunks))


def tells_error(body: object) -> bool:
    """Whether a dictionary is an error in the place of an answer: some providers send both."""
    return isinstance(body, Mapping) and bool(body.get("error")) and not body.get("choices")


def refusal_of(error: Exception, *, is_direct: bool = False) -> Refusal | None:
    """The refusal that an exception of the host's tells of: some hosts put the provider's words into `detail`.

    `is_direct`: the browser asked the provider, and the host raises what it said as a plain exception.
    """
    status, detail = getattr(error, "status_code", None), getattr(error, "detail", None)
    if isinstance(status, int):
        return status, detail
    return (400, list(error.args)) if is_direct else None


async def discard(result: Any) -> None:
    """Let go of a refused response: whatever the host does when its client has it is done now. Never raises."""
    try:
        close = getattr(getattr(result, "body_iterator", None), "aclose", None)
        if close is not None:
            await close()
        background = getattr(result, "background", None)
        if callable(background):
            await background()
    except Exception:
        log.exception("A refused response could not be let go")


async def _beginning(result: Any, chunks: Any) -> bytes:
    iterator = aiter(chunks)
    read: list[Any] = []
    size = 0
    broken: Exception | None = None
    try:
        async for chunk in iterator:
            read.append(chunk)
            size += len(chunk)
            if size > _MOST_BYTES:
                break
    except Exception as error:  # noqa: BLE001 - whoever reads the stream gets it
        broken = error
    result.body_iterator = _again(read, iterator, broken)
    return b"".join(chunk.encode(errors="replace") if isinstance(chunk, str) else bytes(chunk) for chunk in read)


async def _again(read: list[Any], rest: AsyncIterator[Any], broken: Exception | None) -> AsyncIterator[Any]:
    try:
        for chunk in read:
            yield chunk
        if broken is not None:
            raise broken
        async for chunk in rest:
            yield chunk
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()
