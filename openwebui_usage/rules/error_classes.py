"""What kind of error a call ended with, in a word that is never a provider's own text.

| class | what happened |
|---|---|
| `http_429`, `http_500`, … | the provider, or the host in its place, answered with this status |
| `timeout` | nobody answered in time |
| `connection` | the provider was not reached, or broke off |
| `reported` | the answer, or the stream, says that it failed, and no status |
| `cancelled` | whoever asked left before the end |
| `other` | anything else |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

CANCELLED = "cancelled"
REPORTED = "reported"

_TIMEOUTS = frozenset(("TimeoutError", "TimeoutException", "Timeout"))
"""Names of classes: Python's and aiohttp's, httpx's, requests'."""
_CONNECTIONS = frozenset(
    (
        "ConnectionError",
        "gaierror",
        "SSLError",
        "ClientConnectionError",
        "ClientPayloadError",
        "TransportError",
        "ChunkedEncodingError",
    )
)
"""The same: Python's, aiohttp's, httpx's, requests'."""
_STATUS_NAMES = ("status_code", "status", "code")
_LONGEST_CHAIN = 20


def error_class(error: BaseException) -> str:
    """The class of an exception.

    The host makes an HTTP 500 of everything that keeps it from its provider, so behind a status of 500 or more the
    exception counts that it was made of.
    """
    status = _status(getattr(error, "status_code", None))
    if status is None or status >= 500:
        for cause in _chain(error):
            names = {kind.__name__ for kind in type(cause).__mro__}
            if names & _TIMEOUTS:
                return "timeout"
            if names & _CONNECTIONS:
                return "connection"
    return "other" if status is None else status_class(status)


def status_class(status: object) -> str:
    """The class of an answer's status."""
    code = _status(status)
    return "other" if code is None else f"http_{code}"


def reported_class(answer: object) -> str | None:
    """The class of an error that an answer tells of, or an event of a stream; None where it tells of none."""
    if not isinstance(answer, Mapping):
        return None
    error = answer.get("error")
    if not error and answer.get("type") != "response.failed":
        return None
    for place in (error, answer):
        if isinstance(place, Mapping):
            for name in _STATUS_NAMES:
                status = _status(place.get(name))
                if status is not None:
                    return status_class(status)
    return REPORTED


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status(value: object) -> int | None:
    """An HTTP status of an error."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None
