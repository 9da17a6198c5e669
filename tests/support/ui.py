"""Open WebUI's page without a browser: its socket, and chats sent the way the page sends them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import socketio

from tests.support.process import wait_until

if TYPE_CHECKING:
    from tests.support.clients import Client

TASKS = ("title_generation", "tags_generation", "follow_up_generation")


@dataclass
class Turn:
    """One question and its answers, one for each model."""

    ui: UI
    chat_id: str
    prompt: str
    models: tuple[str, ...]
    message_ids: tuple[str, ...]
    task_ids: list[str]
    tasks: tuple[str, ...]
    first: bool
    events: list[dict[str, Any]] = field(default_factory=list)

    def wait(self, timeout: float = 60) -> Turn:
        """Return once the answers, and the tasks asked for, are done."""
        wait_until(self._is_over, timeout=timeout, what="the turn is over", details=lambda: f"events: {self.events}")
        return self

    def wait_for_text(self, timeout: float = 30) -> Turn:
        """Return once something of an answer has arrived."""
        wait_until(
            lambda: "chat:completion" in self.types() or "response:completion" in self.types(),
            timeout=timeout,
            what="some text has arrived",
            details=lambda: f"events: {self.events}",
        )
        return self

    def stop(self) -> None:
        """Press the Stop button."""
        self.ui.client.request("POST", f"/api/tasks/chat/{self.chat_id}/stop")

    def types(self) -> list[str]:
        """The types of all events so far, in order."""
        return [event["type"] for event in list(self.events)]

    def message(self, index: int = 0) -> dict[str, Any]:
        """An answer as the server has saved it."""
        chat = self.ui.client.request("GET", f"/api/v1/chats/{self.chat_id}")["chat"]
        message: dict[str, Any] = chat["history"]["messages"][self.message_ids[index]]
        return message

    def text(self, index: int = 0) -> str:
        return str(self.message(index).get("content", ""))

    def _is_over(self) -> bool:
        ended = any(event["type"] == "chat:active" and not event["data"]["active"] for event in list(self.events))
        # The title of a new chat is made beside the answer and may come after it.
        titled = not (self.first and "title_generation" in self.tasks) or "chat:title" in self.types()
        return ended and titled


class UI:
    """A user's page. `usage` collects what the server sends as "usage", oldest first.

    `direct` answers for models that the browser calls itself: it is given the request and returns the chunks.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.direct: Callable[[dict[str, Any]], Iterable[dict[str, Any]]] | None = None
        self.usage: list[dict[str, Any]] = []
        self.other_events: list[dict[str, Any]] = []
        self._turns: list[Turn] = []
        self._lock = threading.Lock()
        self._socket = socketio.Client(reconnection=True, reconnection_delay=0.2, reconnection_delay_max=1)
        self._socket.on("events", self._on_event)
        self._socket.on("usage", self.usage.append)
        self._socket.on("connect", self._join)
        self._socket.connect(
            client.url, auth={"token": client.token}, socketio_path="/ws/socket.io", transports=["websocket"]
        )
        wait_until(lambda: self.session_id, timeout=10, what="the socket has a session")

    @property
    def session_id(self) -> str | None:
        sid: str | None = self._socket.get_sid()
        return sid

    def close(self) -> None:
        self._socket.disconnect()

    def ask(
        self,
        model: str | Sequence[str],
        prompt: str = "Hello there",
        *,
        after: Turn | None = None,
        tasks: Sequence[str] = (),
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Turn:
        """Send a question to one model or several: a new chat, or one more turn `after` another.

        `tasks` of `TASKS` run beside it. `body` and `headers` add to the request, as the plugin's script would.
        """
        models = (model,) if isinstance(model, str) else tuple(model)
        user_message_id, message_ids = str(uuid.uuid4()), tuple(str(uuid.uuid4()) for _ in models)
        parent = after.message_ids[0] if after else None
        history = []
        if after:
            history = [{"role": "user", "content": after.prompt}, {"role": "assistant", "content": after.text()}]
        request = {
            "stream": True,
            "model": models[0],
            "messages": [*history, {"role": "user", "content": prompt}],
            "params": {},
            "features": {},
            "variables": {},
            "session_id": self.session_id,
            "parent_id": parent,
            "message_ids": [
                {"model_id": each, "message_id": message_id, "modelIdx": index}
                for index, (each, message_id) in enumerate(zip(models, message_ids, strict=True))
            ],
            "user_message": {
                "id": user_message_id,
                "parentId": parent,
                "childrenIds": list(message_ids),
                "role": "user",
                "content": prompt,
                "timestamp": int(time.time()),
                "models": list(models),
            },
            "background_tasks": dict.fromkeys(tasks, True),
            **({"chat_id": after.chat_id} if after else {}),
            **body,
        }
        with self._lock:  # events that come before the answer wait until the turn is known
            answer = self.client.post("/api/chat/completions", json=request, headers=headers)
            if answer.is_error:
                raise AssertionError(f"{answer.status_code} {answer.text}")
            started = answer.json()
            turn = Turn(
                ui=self,
                chat_id=started["chat_id"],
                prompt=prompt,
                models=models,
                message_ids=message_ids,
                task_ids=started["task_ids"],
                tasks=tuple(tasks),
                first=after is None,
            )
            self._turns.append(turn)
        return turn

    def wait_for_usage(self, *, after: int = 0, timeout: float = 5) -> dict[str, Any]:
        """The first `usage` event beyond the first `after` ones."""
        wait_until(lambda: len(self.usage) > after, timeout=timeout, what="a usage event has come")
        return self.usage[after]

    def _join(self) -> None:
        self._socket.emit("user-join", {"auth": {"token": self.client.token}})

    def _on_event(self, event: dict[str, Any], *_: Any) -> dict[str, Any] | None:
        if event["data"]["type"] == "request:chat:completion" and self.direct:
            return self._answer_directly(event["data"]["data"])
        with self._lock:
            for turn in reversed(self._turns):
                if turn.chat_id == event.get("chat_id"):
                    turn.events.append(event["data"])
                    return None
            self.other_events.append(event)
        return None

    def _answer_directly(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self.direct is not None
        for chunk in [*self.direct(asked["form_data"]), {"done": True}]:
            self._socket.emit(asked["channel"], chunk)
        return {"status": True}
