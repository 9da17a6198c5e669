"""The effort of a call: from the request, through the admin's valves, into the field that the provider understands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from openwebui_usage import effort
from openwebui_usage.host.models import Catalog, Memo, settled

log = logging.getLogger(__name__)

FUNCTION_ID = "reasoning_effort"
_REQUESTED = "openwebui_usage_reasoning"
_PREFERRED = "openwebui_usage_effort"


class EffortValves:
    """The valves of the function `reasoning_effort`; None while the admin has switched it off."""

    def __init__(self) -> None:
        """Read when first asked for."""
        self._memo = Memo()

    async def rules(self) -> effort.EffortRules | None:
        """The rules as the admin set them."""
        rules: effort.EffortRules | None = await self._memo.get("rules", self._read)
        return rules

    async def _read(self) -> effort.EffortRules | None:
        from open_webui.models.functions import Functions

        function = await settled(Functions.get_function_by_id(FUNCTION_ID))
        if function is None or not function.is_active:
            return None
        valves = await settled(Functions.get_function_valves_by_id(FUNCTION_ID)) or {}
        standard = effort.EffortRules()
        return effort.EffortRules(
            reasoning_models=str(valves.get("reasoning_models") or standard.reasoning_models),
            not_reasoning_models=str(valves.get("not_reasoning_models", standard.not_reasoning_models) or ""),
            default_effort=effort.parse_effort(valves.get("default_effort")) or standard.default_effort,
        )


def take_from_chat(request: Request, form_data: dict[str, Any]) -> None:
    """Take the documented `reasoning` object off a chat request, before the host merges its models' parameters.

    Left in the body it would shadow an admin's own `reasoning` parameter, and go to the provider untouched.
    """
    setattr(request.state, _REQUESTED, form_data.pop("reasoning", None))


def prefer(request: Request, value: object) -> None:
    """Remember a user's own valve for this request: it counts where the request itself says nothing."""
    setattr(request.state, _PREFERRED, value)


class Steering:
    """Sets the effort of calls that are about to leave."""

    def __init__(self, catalog: Catalog, valves: EffortValves) -> None:
        """`catalog` knows which models have an effort of their own."""
        self._catalog = catalog
        self._valves = valves

    async def apply(
        self, request: Request, body: dict[str, Any], model_ids: frozenset[str], *, ollama: bool, is_task: bool
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
        wanted = effort.requested_effort(requested, model_id)
        wanted = wanted or effort.parse_effort(getattr(request.state, _PREFERRED, None))
        if wanted is None or _says_itself(body, ollama=ollama):
            return
        rules = await self._valves.rules()
        if rules is None or not rules.reasons(model_ids) or await self._catalog.has_own_effort(model_id):
            return
        if ollama:
            effort.set_for_ollama(body, wanted, model_ids)
        else:
            effort.set_for_chat(body, wanted)


def _says_itself(body: Mapping[str, Any], *, ollama: bool) -> bool:
    if ollama and body.get("think") is not None:
        return True
    return effort.is_explicit(body)
