"""How hard a model thinks: which models reason, which effort wins, which field a provider understands. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from openwebui_usage.groups import matches

Effort = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
DEFAULT_EFFORT: Effort = "medium"

REASONING_MODELS = (
    "o1*, o3*, o4*, gpt-5*, codex*, gpt-oss*, grok-*mini*, grok-4*, deepseek-r*, deepseek-reasoner*, qwq*, qwen3*, "
    "magistral*, claude-3-7*, claude-3.7*, claude-*-4*, claude-opus-*, claude-sonnet-*, gemini-2.5*, gemini-3*, "
    "gemini-*thinking*, *reasoner*, *-thinking*"
)
"""The default of the valve: patterns of models that take an effort, separated by commas."""

NOT_REASONING_MODELS = "gpt-5-chat*, *-non-reasoning*, *-instruct*, grok-4-0709*, o1-mini*, o1-preview*, *embed*"
"""The default of the valve: exceptions from the above, models that a provider rejects an effort for."""


@dataclass(frozen=True, slots=True)
class EffortRules:
    """The admin's valves."""

    reasoning_models: str = REASONING_MODELS
    not_reasoning_models: str = NOT_REASONING_MODELS
    default_effort: Effort = DEFAULT_EFFORT

    def reasons(self, model_ids: Iterable[str]) -> bool:
        """Whether a model takes an effort, by its own id or its base model's.

        Ids are compared in lower case and without what connections put in front of them: ``openai/o3-mini`` and
        ``azure.gpt-5`` reason as ``o3-mini`` and ``gpt-5`` do.
        """
        names = [name for model_id in model_ids for name in _names(model_id)]
        if _any_match(self.not_reasoning_models, names):
            return False
        return _any_match(self.reasoning_models, names)


def parse_effort(value: object) -> Effort | None:
    """`value` where it is one of low, medium, high (in any case); None for everything else."""
    if not isinstance(value, str):
        return None
    return next((effort for effort in EFFORTS if effort == value.strip().lower()), None)


def requested_effort(reasoning: object, model_id: str) -> Effort | None:
    """The effort for `model_id` in the documented ``reasoning`` object of a chat request.

    Shape: ``{"effort": "low" | "medium" | "high"}``; a chat with several models adds ``"efforts": {MODEL_ID: …}``,
    which wins. Nonsense is ignored.
    """
    if not isinstance(reasoning, Mapping):
        return None
    efforts = reasoning.get("efforts")
    if isinstance(efforts, Mapping):
        own = parse_effort(efforts.get(model_id))
        return own if own or efforts else parse_effort(reasoning.get("effort"))
    return parse_effort(reasoning.get("effort"))


def is_explicit(settings: Mapping[str, Any] | None) -> bool:
    """Whether a request body, or a model's own parameters, already say how hard to think."""
    if not settings:
        return False
    nested = [settings.get("custom_params"), settings.get("options")]
    places = [settings, *(place for place in nested if isinstance(place, Mapping))]
    keys = ("reasoning_effort", "reasoning", "think", "thinking", "model_controls")
    return any(place.get(key) not in (None, {}, "") for place in places for key in keys)


def set_for_chat(body: MutableMapping[str, Any], effort: Effort) -> None:
    """Chat completions take ``reasoning_effort`` at the top of the body."""
    body["reasoning_effort"] = effort


def set_for_ollama(body: MutableMapping[str, Any], effort: Effort) -> None:
    """Ollama takes the level as ``think``; models without levels read any as true (docs/api.md, 0.12 and later)."""
    body["think"] = effort


def chat_to_responses(body: MutableMapping[str, Any]) -> None:
    """The Responses API knows no ``reasoning_effort``; it takes ``reasoning.effort``."""
    effort = body.pop("reasoning_effort", None)
    if effort is None:
        return
    reasoning = body.get("reasoning")
    body["reasoning"] = {"effort": effort, **(reasoning if isinstance(reasoning, Mapping) else {})}


def _names(model_id: str) -> list[str]:
    name = model_id.lower()
    names = [name]
    for separator in ("/", "."):
        # Only a leading word is a prefix: the dot of "gemini-2.5" is not one.
        head, _, tail = name.partition(separator)
        if tail and head.replace("_", "").replace("-", "").isalpha():
            names += [tail, *_names(tail)]
    return names


def _any_match(patterns: str, names: Iterable[str]) -> bool:
    wanted = [pattern.strip().lower() for pattern in patterns.split(",") if pattern.strip()]
    return any(matches(pattern, name) for pattern in wanted for name in names)
