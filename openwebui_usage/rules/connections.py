"""Connections, the providers that an admin has set up in the host, and the admin's rules about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from openwebui_usage.rules.groups import matches

ConnectionKind = Literal["openai", "ollama", "pipe", "direct"]

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a call goes. Holds no secrets, so it may be logged and shown to admins."""

    id: str
    """`openai:0`, `ollama:1` (the place in the host's list), `pipe:FUNCTION` or `direct`."""
    kind: ConnectionKind
    url: str | None = None
    """Base URL as returned by `public_url`. None for pipes and direct connections, whose URL the host does not know."""
    name: str | None = None
    """The prefix that an admin gave its models, or the id of the pipe's function."""
    url_names: tuple[str, ...] = ()
    """The names of all connections to its URL."""
    takes_responses: bool = False
    """Whether the host sends every request to it as a Responses API request."""


def public_url(url: object) -> str | None:
    """A base URL without credentials, query, fragment and trailing slash. None if `url` is not a URL."""
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
    """The provider's host name. None if `connections` have different ones."""
    hosts = {urlsplit(connection.url).hostname for connection in connections if connection.url}
    return hosts.pop() if len(hosts) == 1 else None


def with_url_names(connections: Iterable[Connection]) -> tuple[Connection, ...]:
    """The connections of a host, each with what all those to its URL are called."""
    found = tuple(connections)
    names: dict[str | None, dict[str, None]] = {}
    for connection in found:
        if connection.name:
            names.setdefault(connection.url, {})[connection.name] = None
    return tuple(replace(connection, url_names=tuple(names.get(connection.url, ()))) for connection in found)


@lru_cache(maxsize=256)
def connection_id(connections: tuple[Connection, ...]) -> str | None:
    """What the ledger knows connections by that may answer a call: `openai:URL`, `pipe:FUNCTION`, `direct`.

    It stays the same when an admin reorders, renames or prefixes them. Of several with different URLs, of which the
    host picks one, those of all, with `|` between. None where nobody knows them.
    """
    return "|".join(sorted({f"{found.kind}:{found.url}" if found.url else found.id for found in connections})) or None


@lru_cache(maxsize=256)
def connection_label(connections: tuple[Connection, ...]) -> str | None:
    """What people know them by: prefixes and URLs. The same for all connections of one `connection_id`."""
    return ", ".join(sorted({_label(connection) for connection in connections})) or None


def _label(connection: Connection) -> str:
    if connection.kind == "direct":
        return "Direct connections"
    if not connection.url:
        return connection.name or connection.id
    names = ", ".join(connection.url_names)
    return f"{names} ({connection.url})" if names else connection.url


@dataclass(frozen=True, slots=True)
class MeteringRules:
    """An admin's settings for connections and pass-through requests. Patterns are separated by commas."""

    not_asked_for_usage: str = ""
    """Connections whose streams are not asked to report their usage."""
    free_connections: str = ""
    """Connections that cost nothing, such as your own machines."""
    allow_unknown_paths: bool = False
    """Allow pass-through calls to paths that cannot be metered, even if there are limits."""
    allow_unknown_models: bool = False
    """The same for models that the host does not know."""

    def asks_for_usage(self, connection: Connection | None) -> bool:
        """Whether streams of `connection` are asked to report their usage."""
        if not self.not_asked_for_usage or connection is None:
            return True
        return not is_named(connection, self.not_asked_for_usage)

    def is_free(self, connections: Iterable[Connection]) -> bool:
        """Whether a call costs nothing, whichever of `connections` it goes to."""
        if not self.free_connections:
            return False
        found = list(connections)
        return bool(found) and all(is_named(connection, self.free_connections) for connection in found)


def is_named(connection: Connection, patterns: str) -> bool:
    """Whether one of `patterns` matches the connection's base URL, host, `host:port`, name or id. Case does not matter.

    Patterns are exact values or globs (`*` and `?`): `http://192.168.*`, `api.mistral.ai`, `ollama:*`.
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
