"""What a pass-through request asks a provider for, judged by its method, path and body.

The host's pass-through route sends any path to the provider. Known paths of models are metered like any call, and the
paths listed as free use no tokens. All others are metered if their answers report usage, and refused while there are
limits, because nobody can tell beforehand what they will use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from openwebui_usage.rules.groups import matches
from openwebui_usage.rules.wires import Wire

Use = Literal["metered", "free", "unknown"]


@dataclass(frozen=True, slots=True)
class Route:
    """`metered`: a call to a model in the wire format `wire`. `free`: uses no tokens. `unknown`: may use some."""

    use: Use
    wire: Wire = "chat"
    generates: bool = True
    """False for embeddings."""


FREE, UNKNOWN_ROUTE = Route("free"), Route("unknown")

_METERED: Mapping[str, Route] = {
    "chat/completions": Route("metered"),
    "completions": Route("metered"),
    "completion": Route("metered"),  # This one and the next are llama.cpp's.
    "infill": Route("metered"),
    "responses": Route("metered", "responses"),
    "responses/compact": Route("metered", "responses"),
    "messages": Route("metered", "anthropic"),
    "embeddings": Route("metered", generates=False),
    "api/chat": Route("metered", "ollama"),
    "api/generate": Route("metered", "ollama"),
    "api/embed": Route("metered", "ollama", generates=False),
}
"""Ends of paths."""

_PREFIXES = frozenset({"v1", "v1beta", "v1alpha", "v2", "v3", "openai", "api", "inference", "compatible-mode"})

_FREE_TO_READ = frozenset(
    {
        *("models", "files", "uploads", "batches", "responses", "chat", "completions", "messages", "conversations"),
        *("assistants", "threads", "vector_stores", "fine_tuning", "fine-tuning", "evals", "containers", "videos"),
        *("images", "audio", "organization", "usage", "key", "credits", "generation", "providers", "health", "healthz"),
        *("metrics", "props", "slots", "version", "tags", "ps", "load", "ping", "server_info", "info", ""),
    }
)
"""First parts of paths whose GET and DELETE only read and remove what is stored at the provider."""

_FREE_TO_POST = (
    "moderations",
    "tokenize",
    "detokenize",
    "apply-template",
    "messages/count_tokens",
    "responses/input_tokens",
    "responses/*/cancel",
    "batches/*/cancel",
    "files",
    "uploads",
    "uploads/*/parts",
    "uploads/*/complete",
    "uploads/*/cancel",
    "show",
)
"""Whole paths, without the prefix. Source: the API references of OpenAI, Anthropic, vLLM, llama.cpp and Ollama."""


def route_of(method: str, path: str, *, has_body: bool) -> Route:
    """What a request to `path` of a provider asks for, however the path is encoded.

    A path with several readings is metered if one of them is, and free only if all of them are.
    """
    routes = [_route_of(method, parts, has_body=has_body) for parts in readings_of(path)]
    return next((route for use in ("metered", "unknown") for route in routes if route.use == use), FREE)


def _route_of(method: str, parts: Sequence[str], *, has_body: bool) -> Route:
    reads = method.upper() in ("GET", "HEAD", "OPTIONS", "DELETE")
    if not reads or has_body:
        for length in (2, 1):
            found = _METERED.get("/".join(parts[-length:])) if len(parts) >= length else None
            if found is not None:
                return found
    while parts and parts[0] in _PREFIXES:
        parts = parts[1:]
    if reads:
        return FREE if (parts[0] if parts else "") in _FREE_TO_READ else UNKNOWN_ROUTE
    whole = "/".join(parts)
    return FREE if any(matches(free, whole) for free in _FREE_TO_POST) else UNKNOWN_ROUTE


_MOST_DECODINGS = 5


def readings_of(path: str) -> list[tuple[str, ...]]:
    """The parts of a path in each way that a provider, or the host's HTTP client, may understand it.

    Some decode once more than others, and some treat an encoded `?` or `#` as part of the path: in
    `files%23/../chat/completions` the dots then lead out of `files#`.
    """
    found: dict[tuple[str, ...], None] = {}
    texts = {path}
    for _ in range(_MOST_DECODINGS):
        texts |= {text.partition("?")[0].partition("#")[0] for text in texts}
        found |= dict.fromkeys(_parts_of(text) for text in sorted(texts))
        decoded = {unquote(text) for text in texts}
        if decoded <= texts:
            break
        texts = decoded
    return list(found)


def _parts_of(path: str) -> tuple[str, ...]:
    """The parts of a path as a lenient server sees them: in lower case, with dots resolved, and without blanks,
    parameters and empty parts.
    """
    parts: list[str] = []
    for part in path.replace("\\", "/").lower().split("/"):
        name = "".join(char for char in part.partition(";")[0] if char.isprintable()).strip()
        if name == "..":
            del parts[-1:]
        elif name := name.strip("."):
            parts.append(name.strip())
    return tuple(part for part in parts if part)


def read_body(data: bytes) -> tuple[dict[str, Any] | None, bool]:
    """The JSON object in `data`, or None, and whether it has more than one key for the model.

    Providers differ in which of two equal keys, or keys that differ in case only, they take.
    """
    outermost: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal outermost
        outermost = pairs  # Objects are parsed inside out, so the last one is the outermost.
        return dict(pairs)

    try:
        body = json.loads(data, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None, False
    if not isinstance(body, dict):
        return None, False
    return body, sum(is_model_key(key) for key, _ in outermost) > 1


def is_model_key(key: object) -> bool:
    """Whether some provider reads the model from `key`. Those written in Go ignore case."""
    # A quick test first: whatever Unicode folds to these five letters has at least five characters.
    return isinstance(key, str) and len(key) >= 5 and (key == "model" or key.strip().casefold() == "model")
