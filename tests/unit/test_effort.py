"""Which models take an effort, which effort wins, and which field a provider gets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.effort import (
    EffortRules,
    chat_to_responses,
    is_explicit,
    parse_effort,
    requested_effort,
    set_for_chat,
    set_for_ollama,
)

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


@pytest.mark.parametrize("model_id", ["a/" * 100_000, "a." * 100_000, "-thinkin" * 50_000])
def test_no_model_id_takes_long(model_id: str) -> None:
    started = time.perf_counter()
    assert not RULES.reasons([model_id])
    assert time.perf_counter() - started < 2


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
        ({"effort": "high", "summary": "auto"}, "high"),
        ({"effort": "medium", "efforts": {"o3": "low"}}, "low"),
        ({"effort": "medium", "efforts": {"gpt-5": "low"}}, None),
        ({"effort": "medium", "efforts": {}}, "medium"),
        ({"effort": "medium", "efforts": "low"}, "medium"),
        ({"efforts": {"o3": "ultra"}}, None),
        *((nonsense, None) for nonsense in (None, "high", 3, True, [], ["high"], {}, {"effort": None}, {"effort": 7})),
        *(({"effort": nonsense}, None) for nonsense in ("", "ultra", ["high"], {"high": 1}, float("nan"))),
    ],
)
def test_the_requested_effort_is_read_and_nonsense_is_not(reasoning: Any, effort: str | None) -> None:
    assert requested_effort(reasoning, "o3") == effort


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
    set_for_chat(body, "high")
    assert body == {"model": "o3", "reasoning_effort": "high"}


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
