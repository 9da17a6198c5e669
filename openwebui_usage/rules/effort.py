"""How hard a model thinks: which models reason, which effort wins, which field a provider understands. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from openwebui_usage.rules.groups import matches

Effort = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
DEFAULT_EFFORT: Effort = "medium"

# What is missing here only misses the menu, until an admin adds it; what is wrong here fails with HTTP 400. So these
# are not here: Grok 4 up to 4.20 and Grok Code, which think but take no effort, and Magistral, which takes other words.
REASONING_MODELS = (
    "o1*, o3*, o4*, gpt-5*, codex*, gpt-oss*, grok-3-mini*, grok-4.3*, deepseek-r*, deepseek-v4*, qwq*, qwen3*, "
    "claude-3-7*, claude-3.7*, claude-*-4*, claude-opus-*, claude-sonnet-*, claude-haiku-*, gemini-2.5*, gemini-3*, "
    "*reasoner*, *-thinking*"
)
"""The default of the valve: patterns of models that take an effort, separated by commas."""

# Those with "chat" and "pro" of GPT-5 take one level only.
NOT_REASONING_MODELS = (
    "o1-mini*, o1-preview*, *-deep-research*, gpt-5*-chat*, gpt-5-pro*, *-non-reasoning*, *-instruct*, qwen3-coder*, "
    "qwen3-max*, *embed*, *rerank*, *-image*, *-tts*, *-audio*, *-transcribe*"
)
"""The default of the valve: exceptions from the above, models that a provider rejects an effort for."""

OLLAMA_MODELS_WITH_LEVELS = "gpt-oss*"
"""To all others `think` is a switch: Ollama answered 400 where it got a level, at least until early 2026."""

_LONGEST_ID = 256
_PREFIX = re.compile(r"/|\.(?=[a-z])")


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
        return _reasons(self, frozenset(model_ids))


@lru_cache(maxsize=1024)
def _reasons(rules: EffortRules, model_ids: frozenset[str]) -> bool:
    names = [name for model_id in model_ids for name in _names(model_id)]
    return not _any_match(rules.not_reasoning_models, names) and _any_match(rules.reasoning_models, names)


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
    if not isinstance(settings, Mapping):
        return False
    nested = [settings.get("custom_params"), settings.get("options")]
    places = [settings, *(place for place in nested if isinstance(place, Mapping))]
    keys = ("reasoning_effort", "reasoning", "think", "thinking", "model_controls")
    return any(place.get(key) not in (None, {}, "") for place in places for key in keys)


def set_for_chat(body: MutableMapping[str, Any], effort: Effort) -> None:
    """Chat completions take ``reasoning_effort`` at the top of the body."""
    body["reasoning_effort"] = effort


def set_for_ollama(body: MutableMapping[str, Any], effort: Effort, model_ids: Iterable[str]) -> None:
    """Ollama takes the level as ``think``, from models that know levels; the others think as they always do."""
    if _any_match(OLLAMA_MODELS_WITH_LEVELS, [name for model_id in model_ids for name in _names(model_id)]):
        body["think"] = effort


def chat_to_responses(body: MutableMapping[str, Any]) -> None:
    """The Responses API knows no ``reasoning_effort``; it takes ``reasoning.effort``."""
    effort = body.pop("reasoning_effort", None)
    if effort is None:
        return
    reasoning = body.get("reasoning")
    body["reasoning"] = {"effort": effort, **(reasoning if isinstance(reasoning, Mapping) else {})}


def _names(model_id: str) -> list[str]:
    """A model id, and what is left of it without each of its prefixes: all before a slash, or before a dot that a
    letter follows (the dots of "gemini-2.5" and "llama3.1" belong to the name).
    """
    name = model_id[:_LONGEST_ID].lower()
    return [name, *(name[match.end() :] for match in _PREFIX.finditer(name))]


def _any_match(patterns: str, names: Iterable[str]) -> bool:
    wanted = [pattern.strip().lower() for pattern in patterns.split(",") if pattern.strip()]
    return any(matches(pattern, name) for pattern in wanted for name in names)
