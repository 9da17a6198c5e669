"""What admins and users set on our functions in Open WebUI's own pages."""

from __future__ import annotations

from typing import Any

from openwebui_usage.host.compat import maybe_await
from openwebui_usage.host.models import AsyncTTLCache
from openwebui_usage.rules import effort
from openwebui_usage.rules.connections import MeteringRules

EFFORT = "reasoning_effort"
STATUS = "usage_status"
METERING = "usage_metering"


class Valves:
    """Valves as they are now, remembered for a few seconds."""

    def __init__(self) -> None:
        """Read when first asked for."""
        self._memo = AsyncTTLCache()

    async def of(self, function_id: str) -> dict[str, Any] | None:
        """The admin's valves that differ from the defaults; None while the function is switched off, or gone."""
        valves: dict[str, Any] | None = await self._memo.get(function_id, lambda: _read(function_id))
        return valves

    async def of_user(self, function_id: str, user_id: str) -> dict[str, Any]:
        """A user's own valves that differ from the defaults."""
        valves: dict[str, Any] = await self._memo.get((function_id, user_id), lambda: _read_user(function_id, user_id))
        return valves

    async def effort_rules(self) -> effort.EffortRules | None:
        """Which models reason, and how hard by default; None while the admin has switched that off."""
        valves = await self.of(EFFORT)
        if valves is None:
            return None
        standard = effort.EffortRules()
        return effort.EffortRules(
            reasoning_models=str(valves.get("reasoning_models") or standard.reasoning_models),
            not_reasoning_models=str(valves.get("not_reasoning_models", standard.not_reasoning_models) or ""),
            default_effort=effort.parse_effort(valves.get("default_effort")) or standard.default_effort,
        )

    async def shows_typical(self) -> bool:
        """Whether the page says what calls usually use; it does not while the admin has switched efforts off."""
        valves = await self.of(EFFORT)
        return valves is not None and valves.get("show_typical", True) is not False

    async def metering_rules(self) -> MeteringRules:
        """What the admin says about connections and pass-through; the defaults while that function is switched off."""
        valves = await self.of(METERING) or {}
        return MeteringRules(
            not_asked_for_usage=str(valves.get("not_asked_for_usage") or ""),
            free_connections=str(valves.get("free_connections") or ""),
            allow_unknown_paths=valves.get("allow_unknown_paths") is True,
            allow_unknown_models=valves.get("allow_unknown_models") is True,
        )


async def _read(function_id: str) -> dict[str, Any] | None:
    from open_webui.models.functions import Functions

    function = await maybe_await(Functions.get_function_by_id(function_id))
    if function is None or not function.is_active:
        return None
    return await maybe_await(Functions.get_function_valves_by_id(function_id)) or {}


async def _read_user(function_id: str, user_id: str) -> dict[str, Any]:
    from open_webui.models.functions import Functions

    return await maybe_await(Functions.get_user_valves_by_id_and_user_id(function_id, user_id)) or {}
