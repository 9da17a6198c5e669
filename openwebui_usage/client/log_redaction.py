"""Keeps tokens out of access logs."""

from __future__ import annotations

import logging
import re

_TOKEN_IN_PATH = re.compile(r"(/user/stats/)[^?/\s]+")
_TOKEN_IN_QUERY = re.compile(r"([?&]token=)[^&\s]*")


class TokensHidden(logging.Filter):
    """Removes tokens from access logs: they occur in the path of `/user/stats/{token}` and in links with `?token=`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record. Always True: no line is dropped."""
        if isinstance(record.args, tuple):
            record.args = tuple(hide_tokens(arg) if isinstance(arg, str) else arg for arg in record.args)
        if isinstance(record.msg, str):
            record.msg = hide_tokens(record.msg)
        return True


def hide_tokens(text: str) -> str:
    """`text` without the tokens in its paths and queries."""
    return _TOKEN_IN_QUERY.sub(r"\1…", _TOKEN_IN_PATH.sub(r"\1…", text))
