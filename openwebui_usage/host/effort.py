"""The effort of a call: from the request, through the admin's valves, into the field that the provider understands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from openwebui_usage.host.models import Catalog
from openwebui_usage.host.valves import EFFORT, Valves
from openwebui_usage.rules import effort

log = logging.getLogger(__name__)

_REQUESTED = "openwebui_usage_reasoning"
_EXPLICIT = "openwebui_usage_explicit_effort"


def take_from_chat(request: Request, form_data: dict[str, Any]) -> None:
    """Take the documented `reasoning` object off a chat request, before the host merges its models' parameters.

    Left in the body it would shadow an admin's own `reasoning` parameter, and go to the provider untouched.
    """
    setattr(request.state, _REQUESTED, form_data.pop("reasoning", None))
    setattr(request.state, _EXPLICIT, form_data.get("reasoning_effort"))


class Steering:
    """Sets the effort of calls that are about to leave."""

    def __init__(self, catalog: Catalog, valves: Valves) -> None:
        """`catalog` knows which models have an effort of their own."""
        self._catalog = catalog
        self._valves = valves

    async def apply(
        self,
        request: Request,
        body: dict[str, Any],
        model_ids: frozenset[str],
        user_id: str | None,
        *,
        ollama: bool,
        is_task: bool,
    ) -> None:
        """Change `body`, a copy of ours, so that the provider thinks as hard as it should.

        What the caller or the model's own parameters say wins; a model that cannot reason gets no field at all, and
        neither do tasks.
        """
        requested: object
        if hasattr(request.state, _REQUESTED):
            requested = getattr(request.state, _REQUESTED)
        else:  # A pass-through endpoint: the chat endpoint never saw this request.
            requested = body.pop("reasoning", None)
        if is_task:
            return
        model_id = str(body.get("model"))
        if ollama:
            _keep_explicit(request, body, model_ids)
        if _says_itself(body, ollama=ollama):
            return
        rules = await self._valves.effort_rules()
        if rules is None or not rules.reasons(model_ids):
            return
        wanted = effort.requested_effort(requested, model_id)
        if wanted is None and user_id is not None:
            wanted = effort.parse_effort((await self._valves.of_user(EFFORT, user_id)).get("effort"))
        if wanted is None or await self._catalog.has_own_effort(model_id):
            return
        if ollama:
            effort.set_for_ollama(body, wanted, model_ids)
        else:
            effort.set_for_chat(body, wanted)


def _says_itself(body: Mapping[str, Any], *, ollama: bool) -> bool:
    if ollama and body.get("think") is not None:
        return True
    return effort.is_explicit(body)


def _keep_explicit(request: Request, body: dict[str, Any], model_ids: frozenset[str]) -> None:
    """Open WebUI drops `reasoning_effort` on its way to Ollama, or puts it among the options, which Ollama ignores."""
    options = body.get("options")
    options = dict(options) if isinstance(options, Mapping) else {}
    said = effort.parse_effort(options.pop("reasoning_effort", None))
    said = said or effort.parse_effort(getattr(request.state, _EXPLICIT, None))
    if said is not None and body.get("think") is None:
        body["options"] = options
        effort.set_for_ollama(body, said, model_ids)
