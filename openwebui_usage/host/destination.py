"""Where a call goes: the model that answers, and the connections over which it may be asked."""

from __future__ import annotations

from dataclasses import dataclass

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.seam import Running
from openwebui_usage.rules.connections import Connection, ConnectionKind


@dataclass(frozen=True, slots=True)
class Destination:
    """`connections` is empty where nobody knows."""

    called_model: str
    connections: tuple[Connection, ...] = ()

    @property
    def url(self) -> str | None:
        """The base URL that all of its connections have."""
        urls = {connection.url for connection in self.connections}
        return urls.pop() if len(urls) == 1 else None


async def destination_of(
    running: Running, kind: ConnectionKind | None, model: str, arguments: Arguments, *, fallback: int | None = None
) -> Destination:
    """Where the host sends a call of `model`, by a connection of `kind`; None: nobody knows which.

    `fallback` is the place of the connection that takes models which no connection lists.
    """
    called_model = await running.base_of(model) or model
    if kind is None:
        return Destination(called_model)
    if kind == "ollama" and ":" not in called_model:
        called_model += ":latest"  # As Ollama understands a name without a tag.
    # Where the host takes any id, it does not look for a base model either.
    asked_for = called_model if fallback is None else model
    connections = await running.connections_of(
        kind,
        asked_for,
        arguments.http_request,
        arguments.user,
        index=arguments.get("url_idx"),
        fallback=fallback,
    )
    return Destination(called_model, connections)
