"""What kind of error a call ended with: a word of ours, whatever a provider, a host or a library says."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.error_classes import error_class, reported_class, status_class

SECRET = "sk-abc said Jane's provider"


class HTTPException(Exception):
    """As the host raises it."""

    def __init__(self, status_code: Any) -> None:
        super().__init__(SECRET)
        self.status_code = status_code


class ClientConnectionError(Exception):
    """Aiohttp's: most of what keeps it from a server is one."""


class ServerTimeoutError(ClientConnectionError, TimeoutError):
    """Aiohttp's."""


class ClientPayloadError(Exception):
    """Aiohttp's: the answer broke off."""


def of_host(status: int, cause: Exception, *, is_said: bool = False) -> Exception:
    """What the host makes of an exception: with or without `from`."""
    try:
        try:
            raise cause
        except Exception as error:
            if is_said:
                raise HTTPException(status) from error
            raise HTTPException(status)  # noqa: B904 - as the host does it
    except HTTPException as made:
        return made


REQUEST = httpx.Request("POST", "https://api.example.com")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HTTPException(429), "http_429"),
        (HTTPException(500), "http_500"),
        (HTTPException(503), "http_503"),
        (HTTPException("500"), "http_500"),
        (HTTPException(200), "other"),
        (HTTPException(99999), "other"),
        (HTTPException(None), "other"),
        (HTTPException(SECRET), "other"),
        (TimeoutError(SECRET), "timeout"),
        (ServerTimeoutError(SECRET), "timeout"),
        (httpx.ReadTimeout(SECRET, request=REQUEST), "timeout"),
        (httpx.ConnectTimeout(SECRET, request=REQUEST), "timeout"),
        (ConnectionRefusedError(SECRET), "connection"),
        (ConnectionResetError(SECRET), "connection"),
        (socket.gaierror(-2, SECRET), "connection"),
        (ClientConnectionError(SECRET), "connection"),
        (ClientPayloadError(SECRET), "connection"),
        (httpx.ConnectError(SECRET, request=REQUEST), "connection"),
        (httpx.RemoteProtocolError(SECRET, request=REQUEST), "connection"),
        (of_host(500, ClientConnectionError(SECRET)), "connection"),
        (of_host(500, ServerTimeoutError(SECRET), is_said=True), "timeout"),
        (of_host(502, ConnectionRefusedError(SECRET)), "connection"),
        (of_host(500, ValueError(SECRET)), "http_500"),
        (of_host(429, ConnectionResetError(SECRET)), "http_429"),
        (ValueError(SECRET), "other"),
        (FileNotFoundError(SECRET), "other"),
        (RecursionError(), "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_exception_has_a_class(error: Exception, expected: str) -> None:
    assert error_class(error) == expected


def test_an_endless_chain_has_an_end() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert error_class(first) == "other"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"error": {"message": SECRET}}, "reported"),
        ({"error": SECRET}, "reported"),
        ({"error": {"message": SECRET, "code": 429}}, "http_429"),
        ({"error": {"message": SECRET, "code": "503"}}, "http_503"),
        ({"error": {"message": SECRET, "code": SECRET}}, "reported"),
        ({"error": {"message": SECRET, "status": 500}}, "http_500"),
        ({"error": {"message": SECRET}, "status_code": 529}, "http_529"),
        ({"error": {"code": 7}}, "reported"),
        ({"error": {"code": True}}, "reported"),
        ({"error": {"detail": SECRET}}, "reported"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error"}}}, "reported"),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "reported"),
        ({"error": None, "choices": []}, None),
        ({"choices": []}, None),
        ([], None),
        (SECRET, None),
        (None, None),
    ],
)
def test_an_answer_that_tells_of_an_error_has_a_class(answer: object, expected: str | None) -> None:
    assert reported_class(answer) == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "code", "status", "type"]), inner),
    max_leaves=10,
)
CLASSES = {"timeout", "connection", "reported", "cancelled", "other", *(f"http_{code}" for code in range(400, 600))}


@given(anything)
def test_no_class_is_of_a_providers_making(said: object) -> None:
    assert status_class(said) in CLASSES
    assert error_class(HTTPException(said)) in CLASSES
    assert reported_class(said) in {None, *CLASSES}
