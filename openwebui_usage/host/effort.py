"""The effort of a call: from the request, through the admin's valves, into the field that the provider understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request

from openwebui_usage.host.models import HostModels
from openwebui_usage.host.valves import EFFORT, Valves
from openwebui_usage.rules import effort
from openwebui_usage.rules.connections import Connection, host_of
from openwebui_usage.rules.effort_levels import UNKNOWN, EffortLevels, Level, effort_levels
from openwebui_usage.rules.wires import Wire

_REQUESTED = "openwebui_usage_reasoning"
_EXPLICIT = "openwebui_usage_explicit_effort"


def pop_requested_effort(http_request: Request, form_data: dict[str, Any]) -> None:
    """Take the documented `reasoning` object off a chat request, before the host merges its models' parameters.

    Left in the body it would shadow an admin's own `reasoning` parameter. Any other object is the caller's, and stays.
    """
    requested = form_data.get("reasoning")
    documented = effort.is_documented(requested)
    if documented:
        del form_data["reasoning"]
    setattr(http_request.state, _REQUESTED, requested if documented else None)
    setattr(http_request.state, _EXPLICIT, form_data.get("reasoning_effort"))


def said_of_effort(http_request: Any) -> object:
    """The documented object that `pop_requested_effort` took off; None where there was none."""
    return getattr(getattr(http_request, "state", None), _REQUESTED, None)


def for_responses(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, which makes a request for the Responses API: the host leaves a `reasoning_effort` in it that this API
    rejects.
    """

    def convert_to_responses_payload(payload: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        payload = {**payload}
        effort.chat_to_responses(payload)
        return original(payload, *args, **kwargs)

    return convert_to_responses_payload


class EffortPolicy:
    """Sets the effort of calls that are about to leave."""

    def __init__(self, host_models: HostModels, valves: Valves) -> None:
        """`host_models` knows which models have an effort of their own."""
        self._host_models = host_models
        self._valves = valves

    async def apply(
        self,
        http_request: Request,
        sent: dict[str, Any],
        model_ids: frozenset[str],
        user_id: str | None,
        *,
        ollama: bool,
        is_task: bool,
        connections: Sequence[Connection] = (),
    ) -> None:
        """Change `sent`, which is what goes out, so that the provider thinks as hard as it should.

        What the caller or the model's own parameters say wins; a model that takes no effort gets none, and neither do
        tasks. `connections` are those that the call may go to, where they are known.
        """
        requested: object = getattr(http_request.state, _REQUESTED, None)
        if not hasattr(http_request.state, _REQUESTED) and effort.is_documented(sent.get("reasoning")):
            requested = sent.pop("reasoning")  # A pass-through endpoint: the chat endpoint never saw this request.
        if is_task:
            return
        model_id = str(sent.get("model"))
        called = next(iter(model_ids - {model_id}), model_id)
        if ollama:
            _keep_explicit(http_request, sent, model_ids)
        if _says_itself(sent, ollama=ollama):
            return
        rules = await self._valves.effort_rules()
        known = effort_levels(called, host_of(connections))
        if rules is None or not rules.reasons(model_ids):
            on_ollama = ollama or any(connection.kind == "ollama" for connection in connections)
            if known is None and not on_ollama and effort.is_plain(requested):
                sent["reasoning"] = requested  # Nobody knows better than the caller what this provider takes.
            return
        levels = known or UNKNOWN
        wanted = effort.requested_effort(requested, model_id)
        if wanted is None and user_id is not None:
            wanted = effort.parse_effort((await self._valves.of_user(EFFORT, user_id)).get("effort"))
        if wanted is None or wanted == "default" or await self._host_models.has_own_effort(model_id):
            return
        if ollama:
            effort.set_for_ollama(sent, wanted, model_ids)
        elif await self._is_taken(wanted, levels, sent, model_id, connections):
            effort.set_for_chat(sent, wanted, levels)

    async def lower(
        self,
        sent: dict[str, Any],
        model_ids: frozenset[str],
        *,
        wire: Wire,
        connections: Sequence[Connection] = (),
    ) -> None:
        """Change `sent` so that the model thinks with low effort, where it takes an effort and thinks harder now,
        whoever wanted it to. A number of tokens to think with stays as it is, but in Anthropic's format, where older
        models know nothing else.
        """
        rules = await self._valves.effort_rules()
        now = effort.effort_of(sent)
        if rules is None or not rules.reasons(model_ids):
            return
        if wire == "anthropic":
            effort.lower_anthropic(sent)
            return
        if not effort.is_above_low(now):
            return
        model_id = str(sent.get("model"))
        levels = effort_levels(next(iter(model_ids - {model_id}), model_id), host_of(connections)) or UNKNOWN
        if wire == "ollama":
            effort.set_for_ollama(sent, "low", model_ids)
        elif wire == "responses":
            if "low" in levels.levels:
                before = sent.get("reasoning")
                sent["reasoning"] = {**(before if isinstance(before, Mapping) else {}), "effort": "low"}
        elif isinstance(sent.get("reasoning"), Mapping) and "effort" in sent["reasoning"]:
            sent["reasoning"] = {**sent["reasoning"], "effort": "low"}
        elif now is not None or await self._is_taken("low", levels, sent, model_id, connections):
            sent.pop("reasoning_effort", None)
            effort.set_for_chat(sent, "low", levels)

    async def _is_taken(
        self,
        level: Level,
        levels: EffortLevels,
        sent: Mapping[str, Any],
        model_id: str,
        connections: Sequence[Connection],
    ) -> bool:
        """Whether the provider takes `level` beside everything else that will be in the request."""
        if level not in levels.levels:
            return False
        if any(connection.takes_responses for connection in connections):
            return True  # All conflicts are those of chat completions.
        # The host merges a model's own parameters into the request after us; what the request says wins.
        return not levels.is_refused_beside(level, {**await self._host_models.own_parameters(model_id), **sent})


def _says_itself(sent: Mapping[str, Any], *, ollama: bool) -> bool:
    if ollama and sent.get("think") is not None:
        return True
    return effort.is_explicit(sent)


def _keep_explicit(http_request: Request, sent: dict[str, Any], model_ids: frozenset[str]) -> None:
    """Open WebUI drops `reasoning_effort` on its way to Ollama, or puts it among the options, which Ollama ignores."""
    options = sent.get("options")
    options = dict(options) if isinstance(options, Mapping) else {}
    said = effort.parse_effort(options.pop("reasoning_effort", None))
    said = said or effort.parse_effort(getattr(http_request.state, _EXPLICIT, None))
    if said is not None and sent.get("think") is None:
        sent["options"] = options
        effort.set_for_ollama(sent, said, model_ids)
