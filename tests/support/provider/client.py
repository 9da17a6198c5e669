"""The stand-in as a test sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.process import Process, free_port, wait_until

_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Call:
    """One entry of the stand-in's book, as `tests.support.provider.book.Entry` describes it."""

    id: str
    api: str
    path: str
    model: str
    request: dict[str, Any]
    stream: bool
    task: bool
    status: int
    billed: dict[str, int] | None
    reported: dict[str, Any] | None
    ended: str | None
    started: float
    first_byte: float | None
    finished: float | None
    headers: dict[str, str] = field(default_factory=dict)


class Provider:
    """Starts the stand-in, sets behaviours, reads the book.

    `url` has no path: add that of a connection, like `/openai/v1` or `/ollama`.
    """

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self._process = Process(
            [sys.executable, "-m", "tests.support.provider", str(self.port)],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)},
            cwd=_ROOT,
            log=log,
        )

    def wait(self) -> None:
        """Return once it answers."""
        wait_until(self._is_up, timeout=30, what="the stand-in provider answers", details=self._process.log_tail)

    def stop(self) -> None:
        self._http.close()
        self._process.stop(signal.SIGKILL)

    def behave(self, model: str, **behaviour: Any) -> None:
        """Change a model's preset, or make a new model: see `tests.support.provider.behaviour.Behaviour`.

        Open WebUI keeps its list of models: refresh it after making a new one.
        """
        answer = self._http.put(f"/behaviour/{model}", json=behaviour)
        if answer.status_code != httpx.codes.OK:
            raise ValueError(answer.json()["error"])

    def reset(self) -> None:
        """All behaviours as they were, and an empty book, once the calls still running have ended (5 s at most)."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: all(call.ended for call in self.calls()), timeout=5, what="all calls have ended")
        self._http.delete("/behaviour")
        self._http.delete("/book")

    def forget_calls(self) -> None:
        """Empty the book. Behaviours stay, and calls still running go on."""
        self._http.delete("/book").raise_for_status()

    def calls(self, model: str | None = None, *, containing: str | None = None, task: bool | None = None) -> list[Call]:
        """The book, oldest first: all of it, or the calls of a model, with a text in them, for tasks or not."""
        calls = [Call(**entry) for entry in self._http.get("/book").raise_for_status().json()]
        return [
            call
            for call in calls
            if (model is None or call.model == model)
            and (containing is None or containing in str(call.request))
            and (task is None or call.task is task)
        ]

    def ended_calls(self, count: int, *, timeout: float = 15, **chosen: Any) -> list[Call]:
        """Wait until `count` calls have ended and none is running; the choice is as in `calls`."""
        found: list[Call] = []

        def have_ended() -> bool:
            found[:] = self.calls(**chosen)
            return len(found) >= count and all(call.ended for call in found)

        wait_until(have_ended, timeout=timeout, what=f"{count} calls have ended", details=lambda: f"calls: {found}")
        return found

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Call it directly, without an Open WebUI in between."""
        return self._http.post(path, json=body)

    def _is_up(self) -> bool:
        if not self._process.running:
            raise AssertionError(f"the stand-in provider ended\n{self._process.log_tail()}")
        try:
            return self._http.get("/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
