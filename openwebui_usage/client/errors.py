"""Errors of the token client's API."""

from __future__ import annotations


class ApiError(Exception):
    """Becomes an HTTP response with a status and a sentence."""

    def __init__(self, status: int, text: str, retry_after: int | str | None = None, *, close: bool = False) -> None:
        """`retry_after`: seconds, or the value of a provider's header. `close`: close the connection afterwards."""
        super().__init__(text)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if close:
            self.headers["Connection"] = "close"
