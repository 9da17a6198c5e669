"""Which models take an effort, which effort wins, and which field a provider gets."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.effort import (
    EffortRules,
    chat_to_responses,
    is_documented,
    is_explicit,
    levels_of_ollama,
    lower_anthropic,
    menu_preset,
    parse_effort,
    requested_effort,
    set_for_chat,
    set_for_ollama,
)
from openwebui_usage.rules.effort_levels import LEVELS, UNKNOWN, EffortLevels, _table, effort_levels

RULES = EffortRules()


def words(text: str) -> list[str]:
    return text.split()


REASONING = words("""
    o1 o1-2024-12-17 o1-pro o3 o3-mini o3-pro o4-mini o4-mini-2025-04-16 codex-mini-latest
    gpt-5 gpt-5-mini gpt-5-nano gpt-5-codex gpt-5.1 gpt-5.2-pro gpt-5.1-codex-max gpt-oss:20b gpt-oss-120b
    openai/o3 openai/gpt-5 azure.gpt-5 azure_eu.gpt-5 conn2.o3-mini openrouter/openai/o3-mini GPT-5 OpenAI/o3
    grok-3-mini grok-3-mini-fast x-ai/grok-3-mini grok-4.3 xai/grok-4.3
    deepseek-r1 deepseek-r1:14b deepseek-reasoner deepseek/deepseek-r1-0528 deepseek-v4-pro deepseek-ai/DeepSeek-R1
    hf.co/bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF:Q4_K_M accounts/fireworks/models/deepseek-r1
    qwq:32b qwen3:8b qwen3-32b qwen/qwen3-235b-a22b-thinking-2507 kimi-k2-thinking
    claude-3-7-sonnet-20250219 anthropic/claude-3.7-sonnet claude-sonnet-4-5 claude-sonnet-4-20250514 claude-opus-4-1
    claude-haiku-4-5-20251001 us.anthropic.claude-sonnet-4-5-20250929-v1:0 anthropic/claude-opus-4.5 claude-sonnet-5
    gemini-2.5-pro gemini-2.5-flash gemini-3-pro gemini-3-pro-preview google/gemini-2.5-flash-lite models/gemini-3-flash
    demo-reasoner
""")

OTHERS = words("""
    gpt-4o gpt-4o-mini gpt-4.1 gpt-4 gpt-3.5-turbo chatgpt-4o-latest openai/gpt-4o azure.gpt-4o o1-mini o1-preview
    openai/o1-mini gpt-5-chat-latest gpt-5.1-chat-latest gpt-5-pro o3-deep-research gpt-5-image gpt-4o-audio-preview
    grok-2 grok-3 grok-4 grok-4-0709 grok-4-fast-reasoning grok-4-fast-non-reasoning grok-4.20-reasoning
    grok-code-fast-1 deepseek-chat deepseek-v3 deepseek-coder llama3.2:latest llama-3.1-8b-instruct llama-4-maverick
    qwen2.5:7b qwen3-coder:30b qwen3-coder-next qwen3-embedding:8b qwen3-reranker qwen3:30b-a3b-instruct-2507 qwen3-max
    mistral-small magistral-medium-latest mixtral-8x7b phi3 gemma3:27b demo-chat
    claude-3-opus-20240229 claude-3-5-sonnet-20241022 claude-3-haiku-20240307 anthropic/claude-3.5-sonnet claude-2.1
    gemini-2.0-flash gemini-1.5-pro gemini-2.5-flash-image gemini-2.5-flash-preview-tts
    text-embedding-3-small nomic-embed-text:latest text-embedding-ada-002 whisper-1 dall-e-3 tts-1 zero1 foo3
""")


@pytest.mark.parametrize("model_id", REASONING)
def test_a_model_takes_an_effort(model_id: str) -> None:
    assert RULES.reasons([model_id])


@pytest.mark.parametrize("model_id", OTHERS)
def test_a_model_takes_no_effort(model_id: str) -> None:
    assert not RULES.reasons([model_id])


@pytest.mark.parametrize(
    ("model_ids", "reasons"),
    [
        (["my-helper", "o3-mini"], True),
        (["my-helper", "gpt-4o"], False),
        (["my-helper"], False),
        (["o3-helper", "o1-mini"], False),
        ([], False),
        ([""], False),
    ],
)
def test_a_workspace_model_reasons_as_its_base_does(model_ids: list[str], reasons: bool) -> None:
    assert RULES.reasons(model_ids) is reasons


@pytest.mark.parametrize(
    ("wanted", "unwanted", "model_id", "reasons"),
    [
        ("gpt-4o", "", "gpt-4o", True),
        (" GPT-4o ,, llama* ", "", "llama3.2:latest", True),
        ("gpt-4o", "", "o3", False),
        ("*", "gpt-4*", "gpt-4o", False),
        ("*", "gpt-4*", "anything", True),
        ("", "", "o3", False),
        (",", ",", "o3", False),
        ("gpt-5*", "", "my.connection/gpt-5", True),
        ("5-*, 1*", "", "gemini-2.5-pro", False),
    ],
)
def test_the_admins_patterns_count(wanted: str, unwanted: str, model_id: str, reasons: bool) -> None:
    assert EffortRules(wanted, unwanted).reasons([model_id]) is reasons


@given(st.text(max_size=60))
def test_no_model_id_raises(model_id: str) -> None:
    assert RULES.reasons([model_id]) in (True, False)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("model_id", ["a/" * 1_000_000, "a." * 1_000_000, "-thinkin" * 500_000])
def test_no_model_id_takes_long(model_id: str) -> None:
    assert not RULES.reasons([model_id])


@pytest.mark.parametrize(
    ("value", "effort"),
    [
        *(("low", "low"), ("medium", "medium"), ("high", "high"), ("HIGH", "high"), (" Low ", "low")),
        *((word, None) for word in ("", "none", "minimal", "xhigh", "highest", "low high")),
        *((nonsense, None) for nonsense in (None, 1, True, ["low"], {"low": 1}, b"low")),
    ],
)
def test_an_effort_is_low_medium_or_high(value: Any, effort: str | None) -> None:
    assert parse_effort(value) == effort


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        ({"effort": "high"}, "high"),
        ({"effort": "medium", "efforts": {"o3": "low"}}, "low"),
        ({"effort": "medium", "efforts": {"gpt-5": "low"}}, None),
        ({"effort": "medium", "efforts": {}}, "medium"),
        ({"efforts": {"o3": "xhigh"}}, "xhigh"),
        ({"efforts": {"o3": "none", "gpt-5": "low"}}, "none"),
        ({"efforts": {"o3": "default"}}, "default"),
        ({"effort": "xhigh", "efforts": {"o3": "Max"}}, "max"),
    ],
)
def test_the_documented_object_is_read(reasoning: Any, effort: str | None) -> None:
    assert is_documented(reasoning)
    assert requested_effort(reasoning, "o3") == effort


@pytest.mark.parametrize(
    "reasoning",
    [
        *(None, "high", 3, True, [], ["high"], {}, {"effort": None}, {"effort": 7}),
        *({"effort": nonsense} for nonsense in ("", "ultra", ["high"], {"high": 1}, float("nan"))),
        *({"effort": word} for word in ("none", "minimal", "xhigh", "max", "default")),
        {"max_tokens": 2000},
        {"enabled": False},
        {"exclude": True, "effort": "high"},
        {"effort": "high", "summary": "auto"},
        {"effort": "medium", "efforts": "low"},
        {"effort": "medium", "efforts": None},
        {"efforts": {"o3": "ultra"}},
        {"efforts": {"o3": 9}},
        {"effort": "ultra", "efforts": {"o3": "low"}},
    ],
)
def test_whatever_else_a_caller_says_is_for_the_provider(reasoning: Any) -> None:
    assert not is_documented(reasoning)
    assert requested_effort(reasoning, "o3") is None


# --- the table

LOW_TO_HIGH = ("low", "medium", "high")


@pytest.mark.parametrize(
    ("model_id", "host", "levels", "preset"),
    [
        ("o3-mini", None, LOW_TO_HIGH, "medium"),
        ("openai/o1", None, LOW_TO_HIGH, "medium"),
        ("azure.o4-mini", "us.openai.azure.com", LOW_TO_HIGH, "medium"),
        ("gpt-5", "api.openai.com", ("minimal", *LOW_TO_HIGH), "medium"),
        ("gpt-5-mini-2025-08-07", None, ("minimal", *LOW_TO_HIGH), "medium"),
        ("gpt-5.1", None, ("none", *LOW_TO_HIGH), "medium"),
        ("gpt-5.1-codex", None, LOW_TO_HIGH, "medium"),
        ("gpt-5.1-codex-max", None, (*LOW_TO_HIGH, "xhigh"), "medium"),
        ("gpt-5.2", None, ("none", *LOW_TO_HIGH, "xhigh"), "medium"),
        ("gpt-5.4", "api.openai.com", ("none", *LOW_TO_HIGH, "xhigh"), "medium"),
        ("gpt-5.4-mini", None, ("none", *LOW_TO_HIGH, "xhigh"), "medium"),
        ("gpt-5.2-pro", None, ("medium", "high", "xhigh"), None),
        ("gpt-5.9", None, LOW_TO_HIGH, None),
        ("gpt-oss-120b", "api.groq.com", LOW_TO_HIGH, "medium"),
        ("openai/gpt-oss-20b", None, LOW_TO_HIGH, "medium"),
        ("qwen/qwen3-32b", None, ("none",), None),
        ("qwen/qwen3-32b", "api.groq.com", ("none",), None),
        ("grok-3-mini", None, LOW_TO_HIGH, "medium"),
        ("grok-4.3", "api.x.ai", ("none", *LOW_TO_HIGH), None),
        ("claude-sonnet-4-5", None, LOW_TO_HIGH, None),
        ("us.anthropic.claude-opus-4-1", None, LOW_TO_HIGH, None),
        ("gemini-2.5-flash", None, ("none", "minimal", *LOW_TO_HIGH), "medium"),
        ("deepseek-v4-pro", None, ("low", "high", "max"), None),
        ("mistral-medium-3.5", "api.mistral.ai", ("none", "high"), None),
        ("anthropic/claude-sonnet-4.5", "openrouter.ai", ("none", "minimal", *LOW_TO_HIGH, "xhigh"), None),
        ("openai/o3", "openrouter.ai", ("minimal", *LOW_TO_HIGH, "xhigh"), "medium"),
        *(
            (name, None, (), None)
            for name in ("gpt-4o", "openai/gpt-4.1-mini", "o1-mini", "gpt-5-pro", "grok-4", "grok-2")
        ),
        ("claude-sonnet-4-5", "api.anthropic.com", (), None),
        ("deepseek-r1-distill-llama-70b", "api.groq.com", (), None),
    ],
)
def test_the_table_knows_what_a_model_takes(
    model_id: str, host: str | None, levels: tuple[str, ...], preset: str | None
) -> None:
    found = effort_levels(model_id, host)
    assert found is not None
    assert (found.levels, found.preset) == (levels, preset)


@pytest.mark.parametrize("model_id", ["kimi-k2-thinking", "qwq:32b", "my-model", "", "deepseek-r1"])
def test_what_the_table_does_not_know_is_not_made_up(model_id: str) -> None:
    assert effort_levels(model_id) is None


def test_the_table_is_sound() -> None:
    for entry in _table():
        order = [LEVELS.index(level) for level in entry.levels.levels]
        assert order == sorted(set(order)), entry
        assert entry.models, entry
        if entry.levels.preset is not None:  # What is sent unasked is what is documented, all three of them.
            assert set(LOW_TO_HIGH) <= set(entry.levels.levels), entry


@pytest.mark.parametrize(
    ("model_id", "level", "body", "is_refused"),
    [
        ("gpt-5.4", "medium", {"tools": [{"type": "function"}]}, True),
        ("gpt-5.4", "none", {"tools": [{"type": "function"}]}, False),
        ("gpt-5.4", "medium", {"tools": []}, False),
        ("gpt-5.4", "medium", {"functions": [{"name": "f"}]}, True),
        ("gpt-5.2", "low", {"temperature": 0.2}, True),
        ("gpt-5.2", "low", {"temperature": 1}, False),
        ("gpt-5.2", "low", {"temperature": None}, False),
        ("gpt-5.2", "none", {"temperature": 0.2}, False),
        ("gpt-5.2", "high", {"top_p": 0.5}, True),
        ("gpt-5.2", "high", {"logprobs": True}, True),
        ("gpt-5.2", "high", {"logprobs": False}, False),
        ("gpt-5.1", "high", {"tools": [{"type": "function"}]}, False),
        ("gpt-5.1", "high", {"top_logprobs": 3}, True),
        ("claude-sonnet-4-5", "high", {"temperature": 0.7}, True),
        ("claude-sonnet-4-5", "high", {"tool_choice": "auto"}, False),
        ("claude-sonnet-4-5", "high", {"tool_choice": {"type": "function"}}, True),
        ("o3-mini", "high", {"temperature": 0.2, "tools": [{"type": "function"}]}, False),
    ],
)
def test_an_effort_is_refused_beside_some_fields(
    model_id: str, level: Any, body: dict[str, Any], is_refused: bool
) -> None:
    found = effort_levels(model_id)
    assert found is not None
    assert found.is_refused_beside(level, body) is is_refused


@pytest.mark.parametrize(
    ("levels", "wanted", "preset"),
    [
        (EffortLevels(("low", "medium", "high"), "medium"), "medium", "medium"),
        (EffortLevels(("low", "medium", "high"), "medium"), "high", "high"),
        (EffortLevels(("low", "medium", "high")), "medium", "default"),
        (EffortLevels(("low", "high"), None), "medium", "default"),
        (UNKNOWN, "low", "default"),
    ],
)
def test_nothing_is_sent_unasked_where_it_is_not_known_to_be_taken(
    levels: EffortLevels, wanted: Any, preset: str
) -> None:
    assert menu_preset(levels, wanted) == preset


@pytest.mark.parametrize(
    ("model_id", "levels"), [("gpt-oss:20b", LOW_TO_HIGH), ("qwen3:8b", ()), ("deepseek-r1:14b", ())]
)
def test_on_ollama_few_models_have_levels(model_id: str, levels: tuple[str, ...]) -> None:
    assert levels_of_ollama(model_id).levels == levels


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_model_and_no_host_raises(model_id: str, host: str) -> None:
    found = effort_levels(model_id, host)
    assert found is None or set(found.levels) <= set(LEVELS)


@pytest.mark.parametrize(
    "settings",
    [
        {"reasoning_effort": "low"},
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "low"}},
        {"think": True},
        {"think": False},
        {"think": "high"},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"model_controls": [{"name": "Thinking"}]},
        {"custom_params": {"reasoning_effort": "low"}},
        {"options": {"think": False}},
    ],
)
def test_who_says_himself_how_hard_to_think_is_heard(settings: Any) -> None:
    assert is_explicit(settings)


@pytest.mark.parametrize(
    "settings",
    [
        *(None, {}, [], "reasoning_effort"),
        *({"temperature": 1}, {"custom_params": None}, {"options": {"num_ctx": 4096}}),
        *({key: value} for key in ("reasoning_effort", "reasoning", "think") for value in (None, "", {})),
        {"messages": [{"role": "user", "content": "think"}]},
    ],
)
def test_who_says_nothing_leaves_the_choice(settings: Any) -> None:
    assert not is_explicit(settings)


def test_chat_completions_get_reasoning_effort() -> None:
    body: dict[str, Any] = {"model": "o3"}
    set_for_chat(body, "high", UNKNOWN)
    assert body == {"model": "o3", "reasoning_effort": "high"}


def test_a_level_that_a_provider_takes_no_word_for_is_asked_by_silence() -> None:
    levels = effort_levels("grok-3-mini")
    assert levels is not None
    for level, sent in (("low", {"reasoning_effort": "low"}), ("medium", {}), ("high", {"reasoning_effort": "high"})):
        body: dict[str, Any] = {}
        set_for_chat(body, level, levels)  # type: ignore[arg-type]
        assert body == sent


def test_some_providers_get_the_object_on_chat_completions() -> None:
    body: dict[str, Any] = {"model": "openai/o3"}
    levels = effort_levels("openai/o3", "openrouter.ai")
    assert levels is not None
    set_for_chat(body, "high", levels)
    assert body == {"model": "openai/o3", "reasoning": {"effort": "high"}}


@pytest.mark.parametrize(
    ("model_ids", "think"),
    [
        (["gpt-oss:20b"], "high"),
        (["my-helper", "gpt-oss:120b"], "high"),
        (["local.gpt-oss:20b"], "high"),
        (["deepseek-r1:14b"], None),
        (["qwen3:8b"], None),
        (["qwq:32b"], None),
    ],
)
def test_ollama_gets_a_level_where_a_model_knows_levels(model_ids: list[str], think: str | None) -> None:
    body: dict[str, Any] = {}
    set_for_ollama(body, "high", model_ids)
    assert body.get("think") == think


@pytest.mark.parametrize(
    ("body", "becomes"),
    [
        ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
        ({"reasoning_effort": None}, {}),
        ({}, {}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        (
            {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}),
        ({"reasoning_effort": "low", "reasoning": "nonsense"}, {"reasoning": {"effort": "low"}}),
        ({"reasoning_effort": "low", "reasoning": None}, {"reasoning": {"effort": "low"}}),
    ],
)
def test_the_responses_api_gets_reasoning_with_an_effort(body: dict[str, Any], becomes: dict[str, Any]) -> None:
    chat_to_responses(body)
    assert body == becomes


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"output_config": {"effort": "max", "format": 1}}, {"output_config": {"effort": "low", "format": 1}}),
        ({"output_config": {"effort": "low"}}, {"output_config": {"effort": "low"}}),
        ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000}},
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "high"}},
            {"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config": {"effort": "low"}},
        ),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": 7}},) * 2,
        ({"thinking": "much", "output_config": None},) * 2,
        ({},) * 2,
    ],
)
def test_anthropics_format_gets_less_effort_where_it_says_more(said: dict[str, Any], sent: dict[str, Any]) -> None:
    body = copy.deepcopy(said)
    for _ in range(2):
        lower_anthropic(body)
        assert body == sent
