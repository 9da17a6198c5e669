"""The last warnings and errors of this package's log, so that an admin sees them without the server's log."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime

MOST_ERRORS = 50
_LONGEST = 300
"""Characters of a sentence."""
LOGGER = "openwebui_usage"


@dataclass(frozen=True, slots=True)
class RecentError:
    """One line of the log; the same line again is counted."""

    text: str
    level: str
    at: datetime
    """The last time."""
    times: int = 1


class RecentErrors(logging.Handler):
    """Keeps them from `start` to `stop`. Thread-safe, as handlers are."""

    def __init__(self, most: int = MOST_ERRORS) -> None:
        """The oldest of more than `most` are forgotten."""
        super().__init__(logging.WARNING)
        self._most = most
        self._kept: OrderedDict[tuple[str, str], RecentError] = OrderedDict()
        self._mine = threading.Lock()

    def start(self) -> None:
        """Listen."""
        logging.getLogger(LOGGER).addHandler(self)

    def stop(self) -> None:
        """Listen no more."""
        logging.getLogger(LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with the kind of its exception. What cannot be formatted is the log's own affair."""
        try:
            text = " ".join(record.getMessage().split())[:_LONGEST]
        except Exception:  # noqa: BLE001 - a handler never raises
            return
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{text} ({record.exc_info[0].__name__})"
        key = (record.levelname, text)
        at = datetime.fromtimestamp(record.created, UTC)
        with self._mine:
            known = self._kept.pop(key, None)
            new = RecentError(text, record.levelname.lower(), at)
            self._kept[key] = new if known is None else replace(new, times=known.times + 1)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def listed(self) -> list[RecentError]:
        """The latest last."""
        with self._mine:
            return list(self._kept.values())
