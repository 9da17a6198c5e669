"""Open WebUI's page without a browser, as all versions from 0.6.18 on understand it: it makes its chat itself."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import socketio

from tests.support.clients import Client
from tests.support.host import HostEnvironment
from tests.support.process import wait_until


@dataclass
class Reply:
    """One question, and what came of it."""

    chat_id: str
    message_id: str
    model: str
    model_item: dict[str, Any] | None = None
    """Of a direct connection."""
    task_id: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def is_over(self) -> bool:
        """It is complete, refused or stopped."""
        for event in list(self.events):
            data = event.get("data") or {}
            if event["type"] == "chat:completion" and isinstance(data, dict) and data.get("done"):
                return True
            if event["type"] in ("chat:message:error", "chat:tasks:cancel"):
                return True
            if event["type"] == "chat:active" and not data.get("active"):
                return True
        return False

    def types(self) -> list[str]:
        """The types of all events so far, in order."""
        return [event["type"] for event in list(self.events)]

    def statuses(self) -> list[str]:
        """The lines above it."""
        return [event["data"]["description"] for event in list(self.events) if event["type"] == "status"]


class OlderPage:
    """A user's page: its socket, and chats that it makes, sends, and calls complete where the server does not.

    `usage` collects what the server sends as "usage", oldest first. `direct` answers for models that the browser calls.
    """

    def __init__(self, client: Client, host: HostEnvironment) -> None:
        self.client = client
        self.usage: list[dict[str, Any]] = []
        self.direct: Callable[[dict[str, Any]], Iterable[dict[str, Any]]] | None = None
        self._completes = not host.mentions("utils/middleware.py", "outlet_filter_handler")
        self._names_parent = host.mentions("main.py", "parent_id") and not host.mentions("main.py", "message_ids")
        self._replies: list[Reply] = []
        self._socket = socketio.Client(reconnection=True, reconnection_delay=0.2, reconnection_delay_max=1)
        for name in ("events", "chat-events"):
            self._socket.on(name, self._on_event)
        self._socket.on("usage", self.usage.append)
        self._socket.on("connect", self._join)
        self._socket.connect(
            client.url, auth={"token": client.token}, socketio_path="/ws/socket.io", transports=["websocket"]
        )
        wait_until(lambda: self._socket.get_sid(), timeout=30, what="the socket has a session")

    def close(self) -> None:
        self._socket.disconnect()

    def ask(self, model: str, prompt: str = "Hello there", *, tasks: Sequence[str] = (), **body: Any) -> Reply:
        """Send a question in a new chat."""
        asked, answered = str(uuid.uuid4()), str(uuid.uuid4())
        user_message = {"id": asked, "parentId": None, "childrenIds": [answered], "role": "user", "content": prompt}
        answer = {"id": answered, "parentId": asked, "childrenIds": [], "role": "assistant", "content": ""}
        messages = {
            message["id"]: {**message, "timestamp": int(time.time()), "model": model, "models": [model]}
            for message in (user_message, answer)
        }
        chat = {"title": "New Chat", "models": [model], "history": {"currentId": answered, "messages": messages}}
        made = self.client.request("POST", "/api/v1/chats/new", {"chat": {**chat, "messages": [], "params": {}}})
        reply = Reply(made["id"], answered, model, body.get("model_item"))
        self._replies.append(reply)
        request = {
            "stream": True,
            "model": model,
            "messages": [{"role": "user", "content": prompt}],
            "params": {},
            "features": {},
            "variables": {},
            "session_id": self._socket.get_sid(),
            "chat_id": reply.chat_id,
            "id": answered,
            "background_tasks": dict.fromkeys(tasks, True),
            **({"parent_id": asked, "parent_message": user_message} if self._names_parent else {}),
            **body,
        }
        said = self.client.post("/api/chat/completions", json=request)
        if said.is_error:  # As the oldest hosts tell of a refusal.
            reply.events.append({"type": "chat:message:error", "data": {"error": {"content": said.json()["detail"]}}})
        else:
            reply.task_id = said.json().get("task_id")
        return reply

    def wait(self, reply: Reply, *, timeout: float = 60) -> Reply:
        """Return once it is over; call it complete, as the page does where the server has not seen it."""
        wait_until(reply.is_over, timeout=timeout, what="the reply is over", details=lambda: f"events: {reply.events}")
        if self._completes:
            body = {"model": reply.model, "messages": [{"id": reply.message_id, "role": "assistant", "content": "…"}]}
            ids = {"chat_id": reply.chat_id, "id": reply.message_id, "session_id": self._socket.get_sid()}
            item = {} if reply.model_item is None else {"model_item": reply.model_item}
            self.client.request("POST", "/api/chat/completed", body | ids | item)
        return reply

    def stop(self, reply: Reply) -> None:
        """Press the Stop button."""
        path = f"/api/tasks/chat/{reply.chat_id}/stop" if reply.task_id is None else f"/api/tasks/stop/{reply.task_id}"
        answer = self.client.post(path)
        if answer.is_error:  # From 0.9 on only by the chat.
            self.client.request("POST", f"/api/tasks/chat/{reply.chat_id}/stop")

    def _join(self) -> None:
        self._socket.emit("user-join", {"auth": {"token": self.client.token}})

    def _on_event(self, event: dict[str, Any], *_: Any) -> dict[str, Any] | None:
        data = event["data"]
        if data["type"] == "request:chat:completion" and self.direct:
            for chunk in [*self.direct(data["data"]["form_data"]), {"done": True}]:
                self._socket.emit(data["data"]["channel"], chunk)
            return {"status": True}
        for reply in self._replies:
            if (reply.chat_id, reply.message_id) == (event.get("chat_id"), event.get("message_id")):
                reply.events.append(data)
        return None
