"""The error that becomes an HTTP answer of the token client."""

from __future__ import annotations


class ApiError(Exception):
    """Why there is no answer: an HTTP status and a sentence."""

    def __init__(self, status: int, text: str, retry_after: int | str | None = None, *, close: bool = False) -> None:
        """`retry_after` becomes the header; `close`: nothing more can be asked over this connection."""
        super().__init__(text)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if close:
            self.headers["Connection"] = "close"
