"""The stand-in's own book: one entry per call, written by the one who bills."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tests.support.provider.plan import Bill

Ended = Literal["done", "gone", "error", "broken", "refused"]
# done     the whole answer was handed over
# gone     the client went away before that
# error    an error in the middle of the stream
# broken   the connection was cut by the provider
# refused  an error status; nothing was billed


@dataclass(slots=True)
class Entry:
    """One call. Times are seconds since the epoch."""

    id: str
    api: str
    path: str
    model: str
    request: Any
    headers: dict[str, str]
    stream: bool = False
    task: bool = False
    status: int = 200
    billed: dict[str, int] | None = None
    """prompt, cached, cache_write, visible, reasoning, output, and completion: the number that this API reports."""
    reported: dict[str, Any] | None = None
    """The usage as it went over the wire, raw."""
    ended: Ended | None = None
    started: float = field(default_factory=time.time)
    first_byte: float | None = None
    finished: float | None = None

    def bill(self, bill: Bill, completion: int) -> None:
        self.billed = {**asdict(bill), "output": bill.output, "completion": completion}

    def end(self, ended: Ended) -> None:
        self.ended = ended
        self.finished = time.time()


class Book:
    """All calls since the last `clear`, in the order in which they came."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._numbers = itertools.count(1)

    def open(self, *, api: str, path: str, model: str, request: Any, headers: dict[str, str]) -> Entry:
        entry = Entry(
            id=f"call{next(self._numbers):08d}", api=api, path=path, model=model, request=request, headers=headers
        )
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        self.entries.clear()
