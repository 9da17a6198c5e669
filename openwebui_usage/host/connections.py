"""Which of the host's connections a call goes to, looked up where the host itself looks.

The host keeps its connections as a list of base URLs with settings beside it, and each model with its place in that
list (`urlIdx` in `app.state.OPENAI_MODELS`, `urls` in `app.state.OLLAMA_MODELS`). Where the list itself is differs, see
`compat.connection_settings`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, TypeGuard

from fastapi import FastAPI

from openwebui_usage.host.compat import connection_settings, maybe_await
from openwebui_usage.host.models import AsyncTTLCache
from openwebui_usage.rules.connections import Connection, ConnectionKind, public_url, with_url_names

log = logging.getLogger(__name__)

_MODELS: dict[ConnectionKind, str] = {"openai": "OPENAI_MODELS", "ollama": "OLLAMA_MODELS"}


class Connections:
    """The connections of one host application, remembered for a few seconds."""

    def __init__(self, app: FastAPI) -> None:
        """`app.state` holds what the host knows of its models and, in older hosts, its settings."""
        self._state = app.state
        self._memo = AsyncTTLCache()

    async def of_provider(
        self, kind: ConnectionKind, model: str, index: object = None, fallback: int | None = None
    ) -> tuple[Connection, ...]:
        """The connections of `kind` that a call of `model` may go to; empty where that is not known.

        Ollama models may be served by several, of which the host picks one by chance. `index` is the place that the
        caller asked for; `fallback` the one that the host takes for a model it does not know.
        """
        places = [index] if _is_place(index) else self._places(kind, model)
        if not places and fallback is not None:
            places = [fallback]
        if not places:
            return ()
        known: tuple[Connection, ...] = await self._memo.get(kind, lambda: self._read(kind))
        return tuple([known[place] for place in places if 0 <= place < len(known)])

    def knows(self, kind: ConnectionKind, model: str) -> bool:
        """Whether the host has `model` in the list of one of its connections of `kind`."""
        return self._find(kind, model) is not None

    async def load_models(self, kind: ConnectionKind, model: str, request: Any, user: Any) -> None:
        """Have the host ask its connections for their models, as it would itself, where it does not know `model`."""
        known = self._models(kind)
        # Of Ollama's it knows all once it knows one; it clears its own memory before it asks for another.
        if self.knows(kind, model) or (kind == "ollama" and known) or request is None:
            return
        ask = getattr(sys.modules.get(f"open_webui.routers.{kind}"), "get_all_models", None)
        if ask is not None:
            await maybe_await(ask(request, user=user))

    def _models(self, kind: ConnectionKind) -> Mapping[str, Any]:
        models = getattr(self._state, _MODELS[kind], None)
        return models if isinstance(models, dict) or isinstance(models, Mapping) else {}  # noqa: SIM101 - the quicker one first

    def _find(self, kind: ConnectionKind, model: str) -> Mapping[str, Any] | None:
        models = self._models(kind)
        found = models.get(model)
        if found is None and kind == "ollama" and ":" not in model:
            found = models.get(f"{model}:latest")  # As Ollama understands a name without a tag.
        return found if isinstance(found, Mapping) else None

    def _places(self, kind: ConnectionKind, model: str) -> list[Any]:
        listed = self._find(kind, model)
        if listed is None:
            return []
        places = [listed.get("urlIdx")] if kind == "openai" else listed.get("urls") or []
        return [place for place in places if _is_place(place)]

    async def _read(self, kind: ConnectionKind) -> tuple[Connection, ...]:
        urls, configs = await connection_settings(self._state, kind)
        configs = configs if isinstance(configs, Mapping) else {}
        return with_url_names(
            _connection(kind, place, url, configs.get(str(place)) or configs.get(url))
            for place, url in enumerate(urls if isinstance(urls, list | tuple) else ())
        )


def of_pipe(model: str) -> Connection:
    """A function of the host's: of `FUNCTION.MODEL` the first part, whatever provider it asks by itself."""
    name = model.partition(".")[0]
    return Connection(f"pipe:{name}", "pipe", name=name)


DIRECT = Connection("direct", "direct")
"""A provider that the user's browser asks."""


def _connection(kind: ConnectionKind, place: int, url: Any, config: Any) -> Connection:
    prefix = config.get("prefix_id") if isinstance(config, Mapping) else None
    name = prefix if isinstance(prefix, str) and prefix else None
    responses = isinstance(config, Mapping) and config.get("api_type") == "responses"
    return Connection(f"{kind}:{place}", kind, public_url(url), name, takes_responses=responses)


def _is_place(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
