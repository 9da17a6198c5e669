"""How hard a model thinks: which models reason, which effort wins, which field a provider understands. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from openwebui_usage.rules.effort_levels import LEVELS, EffortLevels, Level, names_of
from openwebui_usage.rules.groups import matches

Effort = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
"""The documented ones."""
DEFAULT_EFFORT: Effort = "medium"
PROVIDER_DEFAULT: Final = "default"
"""Chosen in the menu, where it stands for sending nothing."""
Choice = Level | Literal["default"]

# What is missing here only misses the menu, until an admin adds it; what is wrong here fails with HTTP 400. So these
# are not here: Grok 4 up to 4.20 and Grok Code, which think but take no effort, and Magistral, which takes other words.
REASONING_MODELS = (
    "o1*, o3*, o4*, gpt-5*, codex*, gpt-oss*, grok-3-mini*, grok-4.3*, grok-4.5*, grok-4.6*, deepseek-r*, "
    "deepseek-v4*, qwq*, qwen3*, "
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
    names = [name for model_id in model_ids for name in names_of(model_id)]
    return not _any_match(rules.not_reasoning_models, names) and _any_match(rules.reasoning_models, names)


def parse_effort(value: object) -> Effort | None:
    """`value` where it is one of low, medium, high (in any case); None for everything else."""
    if not isinstance(value, str):
        return None
    return next((effort for effort in EFFORTS if effort == value.strip().lower()), None)


def is_documented(reasoning: object) -> bool:
    """Whether the ``reasoning`` object of a chat request is this package's own, to be turned into something.

    ``{"effort": "low" | "medium" | "high"}`` as it is documented, or with the page's ``"efforts": {MODEL_ID: CHOICE}``
    beside it, which no provider knows. Everything else (``max_tokens``, ``enabled``, ``exclude``, "none", …) is what a
    caller says to a provider.
    """
    if not isinstance(reasoning, Mapping) or not reasoning or not reasoning.keys() <= {"effort", "efforts"}:
        return False
    efforts = reasoning.get("efforts")
    if efforts is None:
        return "efforts" not in reasoning and parse_effort(reasoning.get("effort")) is not None
    if not isinstance(efforts, Mapping) or any(_choice(value) is None for value in efforts.values()):
        return False
    return "effort" not in reasoning or _choice(reasoning["effort"]) is not None


def is_plain(reasoning: object) -> bool:
    """Whether a documented object is one that a provider may know, too: without the page's own `efforts`."""
    return isinstance(reasoning, Mapping) and "efforts" not in reasoning


def requested_effort(reasoning: object, model_id: str) -> Choice | None:
    """What a documented ``reasoning`` object (see `is_documented`) says for `model_id`; None where it says nothing.

    In a chat with several models, `efforts` wins over `effort`.
    """
    if not isinstance(reasoning, Mapping) or not is_documented(reasoning):
        return None
    efforts = reasoning.get("efforts")
    return _choice(efforts.get(model_id) if efforts else reasoning.get("effort"))


def _choice(value: object) -> Choice | None:
    if not isinstance(value, str):
        return None
    word = value.strip().lower()
    return "default" if word == PROVIDER_DEFAULT else next((level for level in LEVELS if level == word), None)


def menu_preset(levels: EffortLevels, wanted: Effort) -> Choice:
    """What the menu shows, and the page sends, where nobody has chosen: the admin's `wanted` effort where all of the
    documented ones are known to be taken unasked, else the provider's default, which sends nothing.
    """
    return wanted if levels.preset is not None and wanted in levels.levels else "default"


def is_explicit(settings: Mapping[str, Any] | None) -> bool:
    """Whether a request body, or a model's own parameters, already say how hard to think."""
    if not isinstance(settings, Mapping):
        return False
    nested = [settings.get("custom_params"), settings.get("options")]
    places = [settings, *(place for place in nested if isinstance(place, Mapping))]
    keys = ("reasoning_effort", "reasoning", "think", "thinking", "model_controls")
    return any(place.get(key) not in (None, {}, "") for place in places for key in keys)


def set_for_chat(body: MutableMapping[str, Any], level: Level, levels: EffortLevels) -> None:
    """Chat completions take ``reasoning_effort`` at the top of the body, some providers ``reasoning.effort``."""
    if level == levels.unsaid:
        return
    if levels.field == "reasoning":
        body["reasoning"] = {"effort": level}
    else:
        body["reasoning_effort"] = level


def set_for_ollama(body: MutableMapping[str, Any], level: Level, model_ids: Iterable[str]) -> None:
    """Ollama takes the level as ``think``, from models that know levels; the others think as they always do."""
    names = [name for model_id in model_ids for name in names_of(model_id)]
    if level in EFFORTS and _any_match(OLLAMA_MODELS_WITH_LEVELS, names):
        body["think"] = level


def levels_of_ollama(model_id: str) -> EffortLevels:
    """What a model on Ollama takes: all but a few have a switch, or nothing."""
    if not _any_match(OLLAMA_MODELS_WITH_LEVELS, names_of(model_id)):
        return EffortLevels(())
    return EffortLevels(EFFORTS, DEFAULT_EFFORT)


def chat_to_responses(body: MutableMapping[str, Any]) -> None:
    """The Responses API knows no ``reasoning_effort``; it takes ``reasoning.effort``."""
    effort = body.pop("reasoning_effort", None)
    if effort is None:
        return
    reasoning = body.get("reasoning")
    body["reasoning"] = {"effort": effort, **(reasoning if isinstance(reasoning, Mapping) else {})}


def _any_match(patterns: str, names: Iterable[str]) -> bool:
    wanted = [pattern.strip().lower() for pattern in patterns.split(",") if pattern.strip()]
    return any(matches(pattern, name) for pattern in wanted for name in names)
