"""Any provider's usage becomes the same row, and no payload ever raises or poisons a sum."""

from __future__ import annotations

import json
import math
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.streams import StreamReader
from openwebui_usage.rules.tokens import MAX_TOKENS, TokenUsage, find_usage, plain_usage, read_usage, reported_cost
from tests.unit.corpus import BODIES, CASES, STREAMS, Case

COUNTS = [
    *("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens"),
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "thinking_tokens", "cache_write_tokens"),
    *("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount", "cachedContentTokenCount"),
    *("prompt_eval_count", "eval_count", "prompt_eval_cached_count", "prompt_n", "cache_n", "predicted_n", "cost"),
    *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "toolUsePromptTokenCount"),
]
PLACES = [
    *("usage", "response", "message", "x_groq", "usageMetadata", "timings", "cache_creation", "prompt_tokens_details"),
    *("completion_tokens_details", "input_tokens_details", "output_tokens_details"),
]
NONSENSE = [
    *(None, True, False, "", "12", [], [12], {}, -1, -0.5, math.nan, math.inf, -math.inf),
    *(MAX_TOKENS, MAX_TOKENS + 1, 10**15, 10**400, -(10**400), 1e300, 0.9),
]
counts = st.integers(0, 10_000) | st.sampled_from(NONSENSE)
flat = st.dictionaries(st.sampled_from(COUNTS), counts, max_size=8)
nested = st.dictionaries(st.sampled_from(PLACES), flat | st.lists(flat, max_size=1) | counts, max_size=3)
payloads = st.builds(lambda one, two, three: {**one, **two, "usage": three}, flat, nested, nested | flat | counts)
rows = st.dictionaries(st.sampled_from(COUNTS), st.integers(0, 1000), min_size=2).map(
    lambda usage: read_usage(usage) or TokenUsage()
)


def usage_of(case: Case) -> TokenUsage | None:
    if case.body is not None:
        return read_usage(find_usage(case.body))
    reader = StreamReader(case.wire)
    reader.feed(case.lines())
    reader.finish()
    return reader.usage()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_providers_payload_becomes_the_row_that_it_means(case: Case) -> None:
    usage = usage_of(case)
    assert usage is not None
    usage = usage if case.generates else usage.without_output()
    assert usage == case.expected
    assert is_sound(usage)
    sums = Sums(input=usage.input, completion=usage.completion, reasoning=usage.reasoning, output=usage.output)
    assert (sums.input, sums.out("documented")) == case.documented
    assert sums.out("billed") == case.expected.output


def test_the_corpus_has_bodies_and_streams_of_every_wire() -> None:
    assert {case.wire for case in BODIES} == {case.wire for case in STREAMS}
    assert {case.wire for case in CASES} == {"chat", "responses", "anthropic", "ollama"}


@pytest.mark.parametrize("case", [case for case in BODIES if case.cost is not None], ids=lambda case: case.name)
def test_a_cost_that_the_provider_reports_is_taken(case: Case) -> None:
    assert reported_cost(find_usage(case.body)) == case.cost


@pytest.mark.parametrize("cost", [None, True, "0.1", -1, math.nan, math.inf, 10**400, {"total_cost": 1}, [1]])
def test_a_cost_that_is_no_price_is_not_taken(cost: Any) -> None:
    assert reported_cost({"cost": cost}) is None


def is_sound(usage: TokenUsage) -> bool:
    counts = astuple(usage)[:-1]
    return (
        all(type(count) is int and 0 <= count <= MAX_TOKENS for count in counts)
        and usage.cached_input + usage.cache_write <= usage.input
        and usage.completion <= usage.output
        and usage.reasoning <= usage.output
    )


@pytest.mark.parametrize(
    "payload",
    [None, [], "usage", 5, True, math.nan, {}, {"usage": None}, {"usage": []}, {"usage": {}}, {"usage": "12 tokens"}],
)
def test_what_carries_no_usage_tells_nothing(payload: Any) -> None:
    assert read_usage(find_usage(payload)) is None


@pytest.mark.parametrize(
    "count", [None, True, "12", -1, -0.5, math.nan, math.inf, -math.inf, MAX_TOKENS + 1, 10**400, [12], {"n": 12}]
)
def test_a_count_that_cannot_be_one_counts_as_not_reported(count: Any) -> None:
    told = {"prompt_tokens": 7, "completion_tokens": count, "completion_tokens_details": {"reasoning_tokens": count}}
    assert read_usage(told) == TokenUsage(input=7)
    assert read_usage({"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}) is None


def test_whole_numbers_written_as_floats_count() -> None:
    assert read_usage({"prompt_tokens": 7.0, "completion_tokens": 3.0}) == TokenUsage(7, completion=3, output=3)


def test_zeros_alone_tell_nothing() -> None:
    assert read_usage({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}) is None
    assert read_usage({"prompt_eval_count": 0, "eval_count": 0}) is None


def test_parts_that_are_believable_make_no_sum_that_is_not() -> None:
    most = {"input_tokens": MAX_TOKENS, "cache_read_input_tokens": MAX_TOKENS, "output_tokens": 1}
    assert read_usage(most) is None


@given(payloads)
def test_no_payload_raises_or_breaks_the_meaning_of_a_row(payload: dict[str, Any]) -> None:
    for usage in (read_usage(payload), read_usage(find_usage(payload))):
        assert usage is None or is_sound(usage)


@given(payloads)
def test_what_is_kept_of_a_payload_is_numbers_that_json_can_hold(payload: dict[str, Any]) -> None:
    kept = json.loads(json.dumps(plain_usage(payload), allow_nan=False))
    leaves = [leaf for value in kept.values() for leaf in (value.values() if isinstance(value, dict) else [value])]
    assert all(isinstance(leaf, int | float) for leaf in leaves)
    assert read_usage(kept) == read_usage(payload)


def test_nothing_of_an_answer_is_kept() -> None:
    done = {
        "message": {"role": "assistant", "content": "a secret", "n": 1},
        "response": "a secret",
        "context": [1, 2, 3],
        "done": True,
        "service_tier": "flex",
        "eval_count": 5,
    }
    assert plain_usage(done) == {"service_tier": "flex", "eval_count": 5}


def test_deep_nesting_is_not_followed() -> None:
    deep: dict[str, Any] = {"prompt_tokens": 3}
    for _ in range(10_000):
        deep = {"usage": deep, "response": deep, "message": deep, "prompt_tokens_details": deep, "prompt_tokens": 3}
    assert read_usage(find_usage(deep)) == TokenUsage(input=3)
    assert plain_usage(deep)["prompt_tokens"] == 3


@given(rows, rows)
def test_the_order_in_which_a_call_is_reported_does_not_matter(one: TokenUsage, other: TokenUsage) -> None:
    merged = one.merged(other)
    assert merged == other.merged(one)
    assert merged == merged.merged(one) == merged.merged(other) == merged.merged(merged)
    assert one.merged(one) == one


@given(rows, rows)
def test_reports_of_one_call_are_never_added_up(one: TokenUsage, other: TokenUsage) -> None:
    merged = one.merged(other)
    assert merged.output == max(one.output, other.output)
    parts = max(one.cached_input, other.cached_input) + max(one.cache_write, other.cache_write)
    assert merged.input == max(one.input, other.input, parts)
    assert merged.cached_input + merged.cache_write <= merged.input


def test_a_cache_that_is_read_and_then_written_makes_the_prompt_no_smaller_than_both() -> None:
    read, written = TokenUsage(10, cached_input=8), TokenUsage(10, cache_write=7)
    assert read.merged(written) == TokenUsage(15, cached_input=8, cache_write=7)


@given(rows, st.integers(-5, 1000))
def test_tokens_seen_after_the_last_report_are_added_and_flagged(usage: TokenUsage, seen: int) -> None:
    followed = usage.followed_by(seen)
    assert followed.output == usage.output + max(0, seen)
    assert followed.estimated is (seen > 0)
    assert followed.input == usage.input


def test_an_embedding_has_input_only() -> None:
    assert TokenUsage(output=10).without_output() == TokenUsage(input=10)
    assert TokenUsage(input=8).without_output() == TokenUsage(input=8)
