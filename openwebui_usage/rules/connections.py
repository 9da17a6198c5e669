"""A connection: the provider that an admin has set up in the host, and the admin's rules about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from openwebui_usage.rules.groups import matches

ConnectionKind = Literal["openai", "ollama", "pipe", "direct"]

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a call goes. Nothing in here is secret, so it may be logged and shown to admins."""

    id: str
    """`openai:0`, `ollama:1` (the place in the host's list), `pipe:FUNCTION` or `direct`."""
    kind: ConnectionKind
    url: str | None = None
    """Base URL as `public_url` gives it; None where the host does not know it: pipes, direct connections."""
    name: str | None = None
    """The prefix that the admin gave its models, a pipe's function id, else None."""
    takes_responses: bool = False
    """The host asks it by the Responses API, whatever comes in."""


def public_url(url: object) -> str | None:
    """A base URL without credentials, query and fragment, and without the slash at its end; None where it is none."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in ("http", "https"):
        return None
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port is not None else ""
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"[:_LONGEST]


def host_of(connections: Iterable[Connection]) -> str | None:
    """The provider's host name, where all of `connections` agree about it."""
    hosts = {urlsplit(connection.url).hostname for connection in connections if connection.url}
    return hosts.pop() if len(hosts) == 1 else None


@dataclass(frozen=True, slots=True)
class MeteringRules:
    """The admin's valves about connections and pass-through. Patterns are separated by commas."""

    not_asked_for_usage: str = ""
    """Connections whose streams are not asked to tell their usage."""
    free_connections: str = ""
    """Connections that cost nothing: one's own machines."""
    allow_unknown_paths: bool = False
    """Let pass-through calls go to paths that cannot be metered, also while a limit exists."""
    allow_unknown_models: bool = False
    """The same for model ids that the host does not know."""

    def asks_for_usage(self, connection: Connection | None) -> bool:
        """Whether a stream of `connection` may be asked for usage."""
        if not self.not_asked_for_usage or connection is None:
            return True
        return not is_named(connection, self.not_asked_for_usage)

    def is_free(self, connections: Iterable[Connection]) -> bool:
        """Whether a call that goes to any one of `connections` costs nothing, whichever it is."""
        if not self.free_connections:
            return False
        found = list(connections)
        return bool(found) and all(is_named(connection, self.free_connections) for connection in found)


def is_named(connection: Connection, patterns: str) -> bool:
    """Whether one of `patterns` fits the connection: its base URL, host, `host:port`, name or id, in any case.

    Patterns are whole words or globs (`*` and `?`): `http://192.168.*`, `api.mistral.ai`, `ollama:*`.
    """
    wanted = _patterns(patterns)
    return bool(wanted) and any(matches(pattern, name) for pattern in wanted for name in _names(connection))


@lru_cache(maxsize=256)
def _patterns(patterns: str) -> tuple[str, ...]:
    found = (pattern.strip().lower() for pattern in patterns.replace("\n", ",").split(","))
    return tuple(pattern if pattern.endswith("://") else pattern.rstrip("/") for pattern in found if pattern.strip("/"))


@lru_cache(maxsize=256)
def _names(connection: Connection) -> tuple[str, ...]:
    names = [connection.id, connection.name]
    if connection.url:
        parts = urlsplit(connection.url)
        names += [connection.url, f"{connection.url}/", parts.netloc, parts.hostname]
    return tuple(name.lower() for name in names if name)
