"""Reasoning effort: which models take one, which choice wins, and which field a provider understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from openwebui_usage.rules.effort_levels import LEVELS, EffortLevels, Level, names_of
from openwebui_usage.rules.groups import matches

Effort = Literal["low", "medium", "high"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
"""The documented efforts, lowest first."""
DEFAULT_EFFORT: Effort = "medium"
PROVIDER_DEFAULT: Final = "default"
"""The menu's choice to send no effort."""
Choice = Level | Literal["default"]
NO_EFFORT: Level = "none"
"""The level at which a model does not think."""

# A missing model only lacks the menu until an admin adds it; a wrongly listed one gets HTTP 400. Hence these omissions:
# Grok 4 up to 4.20 and Grok Code, which reason but take no effort, and Magistral, which takes other values.
REASONING_MODELS = (
    "o1*, o3*, o4*, gpt-5*, codex*, gpt-oss*, grok-3-mini*, grok-4.3*, grok-4.5*, grok-4.6*, deepseek-r*, "
    "deepseek-v4*, qwq*, qwen3*, "
    "claude-3-7*, claude-3.7*, claude-*-4*, claude-opus-*, claude-sonnet-*, claude-haiku-*, gemini-2.5*, gemini-3*, "
    "*reasoner*, *-thinking*"
)
"""Default of the admin's setting: patterns of models that take an effort, separated by commas."""

# GPT-5 models with "chat" or "pro" in their names take one level only.
NOT_REASONING_MODELS = (
    "o1-mini*, o1-preview*, *-deep-research*, gpt-5*-chat*, gpt-5-pro*, *-non-reasoning*, *-instruct*, qwen3-coder*, "
    "qwen3-max*, *embed*, *rerank*, *-image*, *-tts*, *-audio*, *-transcribe*"
)
"""Default of the admin's setting: exceptions to the above, for which providers reject an effort."""

OLLAMA_MODELS_WITH_LEVELS = "gpt-oss*"
"""For all other models `think` is a switch: Ollama answered a level with HTTP 400, at least until early 2026."""


@dataclass(frozen=True, slots=True)
class EffortRules:
    """An admin's settings."""

    reasoning_models: str = REASONING_MODELS
    not_reasoning_models: str = NOT_REASONING_MODELS
    default_effort: Effort = DEFAULT_EFFORT

    def reasons(self, model_ids: Iterable[str]) -> bool:
        """Whether a model takes an effort, by its own id or its base model's id.

        Ids are compared in lower case and without the prefixes of connections: ``openai/o3-mini`` and ``azure.gpt-5``
        count as ``o3-mini`` and ``gpt-5``.
        """
        return _reasons(self, frozenset(model_ids))


@lru_cache(maxsize=1024)
def _reasons(rules: EffortRules, model_ids: frozenset[str]) -> bool:
    names = [name for model_id in model_ids for name in names_of(model_id)]
    return not _any_match(rules.not_reasoning_models, names) and _any_match(rules.reasoning_models, names)


def parse_effort(value: object) -> Effort | None:
    """`value` as an effort, if it is low, medium or high in any case, else None."""
    if not isinstance(value, str):
        return None
    return next((effort for effort in EFFORTS if effort == value.strip().lower()), None)


def is_documented(reasoning: object) -> bool:
    """Whether the ``reasoning`` object of a chat request is one that this package documents, and has to translate.

    That is ``{"effort": "low" | "medium" | "high"}``, alone or with the page's own ``"efforts": {MODEL_ID: CHOICE}``,
    which no provider knows. Everything else (``max_tokens``, ``enabled``, …, "none") is meant for the provider.
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
    """Whether a documented object may be understood by a provider as it is: it lacks the page's own `efforts`."""
    return isinstance(reasoning, Mapping) and "efforts" not in reasoning


def requested_effort(reasoning: object, model_id: str) -> Choice | None:
    """The choice for `model_id` in a documented ``reasoning`` object (see `is_documented`), if there is one.

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
    """What the menu shows and the page sends before anyone has chosen.

    The admin's `wanted` effort if the model is known to take all documented efforts, else nothing is sent.
    """
    return wanted if levels.preset is not None and wanted in levels.levels else "default"


def is_explicit(settings: Mapping[str, Any] | None) -> bool:
    """Whether a request body, or the parameters of a model, already set an effort."""
    if not isinstance(settings, Mapping):
        return False
    nested = [settings.get("custom_params"), settings.get("options")]
    places = [settings, *(place for place in nested if isinstance(place, Mapping))]
    keys = ("reasoning_effort", "reasoning", "think", "thinking", "model_controls")
    return any(place.get(key) not in (None, {}, "") for place in places for key in keys)


def set_for_chat(body: MutableMapping[str, Any], level: Level, levels: EffortLevels) -> None:
    """Set the effort of a chat completion: ``reasoning_effort``, or at some providers ``reasoning.effort``."""
    if level == levels.unsaid:
        return
    if levels.field == "reasoning":
        body["reasoning"] = {"effort": level}
    else:
        body["reasoning_effort"] = level


def set_for_ollama(body: MutableMapping[str, Any], level: Level, model_ids: Iterable[str]) -> None:
    """Set the effort of a request to Ollama, as ``think``, if the model knows levels."""
    names = [name for model_id in model_ids for name in names_of(model_id)]
    if level in EFFORTS and _any_match(OLLAMA_MODELS_WITH_LEVELS, names):
        body["think"] = level


def levels_of_ollama(model_id: str) -> EffortLevels:
    """The levels of a model on Ollama. Most models have a switch or nothing, so they have no levels."""
    if not _any_match(OLLAMA_MODELS_WITH_LEVELS, names_of(model_id)):
        return EffortLevels(())
    return EffortLevels(EFFORTS, DEFAULT_EFFORT)


def chat_to_responses(body: MutableMapping[str, Any]) -> None:
    """Move ``reasoning_effort`` to ``reasoning.effort``, where the Responses API expects it."""
    effort = body.pop("reasoning_effort", None)
    if effort is None:
        return
    reasoning = body.get("reasoning")
    body["reasoning"] = {"effort": effort, **(reasoning if isinstance(reasoning, Mapping) else {})}


def effort_of(body: Mapping[str, Any]) -> str | None:
    """The effort that a request asks for, in whichever field, as it is recorded. None where the model decides.

    A level in the provider's own word; where thinking is only switched, `on` or `none`; where it may take a number of
    tokens, that (`8192 tokens`). Sources: OpenAI's and Ollama's API references; Anthropic's of extended thinking and of
    `output_config.effort`; OpenRouter's of `reasoning`; Qwen's of `enable_thinking`.
    """
    reasoning, thinking = _object(body.get("reasoning")), _object(body.get("thinking"))
    words = (
        body.get("reasoning_effort"),
        reasoning.get("effort"),
        _object(body.get("output_config")).get("effort"),
        body.get("think"),
    )
    for word in words:
        if isinstance(word, str) and word.strip():
            return word.strip()
    for tokens in (reasoning.get("max_tokens"), thinking.get("budget_tokens"), body.get("thinking_budget")):
        if isinstance(tokens, int) and not isinstance(tokens, bool):
            return f"{tokens} tokens" if tokens else NO_EFFORT
    switches = (
        body.get("think"),
        reasoning.get("enabled"),
        _THINKING_TYPES.get(str(thinking.get("type"))),
        body.get("enable_thinking"),
        _object(body.get("chat_template_kwargs")).get("enable_thinking"),
    )
    switch = next((value for value in switches if isinstance(value, bool)), None)
    return None if switch is None else "on" if switch else NO_EFFORT


def is_above_low(said: str | None) -> bool:
    """Whether an effort, as `effort_of` tells it, is one that can be lowered to low; None is the model's own choice."""
    return said is None or said == "on" or said.strip().lower() in ("medium", "high", "xhigh", "max")


def lower_anthropic(body: MutableMapping[str, Any]) -> None:
    """Lower the effort of a request in Anthropic's format: `output_config.effort` to low, where the request says more
    or lets the model decide how much to think, and a number of tokens to think with to the least that there may be.

    Sources: Anthropic's references of `output_config.effort`, of adaptive thinking, whose depth that sets, and of
    extended thinking, whose `budget_tokens` are at least 1,024. A request without any of them is not thought about.
    """
    config, thinking = _object(body.get("output_config")), _object(body.get("thinking"))
    said = config.get("effort")
    if is_above_low(said) if isinstance(said, str) else said is None and thinking.get("type") == "adaptive":
        body["output_config"] = {**config, "effort": "low"}
    tokens = thinking.get("budget_tokens")
    if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > _LEAST_THINKING:
        body["thinking"] = {**thinking, "budget_tokens": _LEAST_THINKING}


_LEAST_THINKING: Final = 1024
_THINKING_TYPES = {"enabled": True, "disabled": False}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _any_match(patterns: str, names: Iterable[str]) -> bool:
    wanted = [pattern.strip().lower() for pattern in patterns.split(",") if pattern.strip()]
    return any(matches(pattern, name) for pattern in wanted for name in names)
