"""Any provider's usage becomes the same row, and no payload ever raises or poisons a sum."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.pricing import is_absurd
from openwebui_usage.rules.streams import StreamReader
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_fields import MAX_TOKENS
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.usage_reading import plain_usage, read_usage, reported_cost
from tests.unit.corpus import BODIES, CASES, STREAMS, Case

COUNTS = [
    *("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens"),
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "thinking_tokens", "cache_write_tokens"),
    *("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount", "cachedContentTokenCount"),
    *("prompt_eval_count", "eval_count", "prompt_eval_cached_count", "prompt_n", "cache_n", "predicted_n", "cost"),
    *(
        "inputTokens",
        "outputTokens",
        "totalTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
        "num_cached_tokens",
    ),
    *("cost_in_usd_ticks", "total_cost", "estimated_cost", "is_byok", "upstream_inference_cost", "citation_tokens"),
    *("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "toolUsePromptTokenCount"),
]
PLACES = [
    *("usage", "response", "message", "x_groq", "usageMetadata", "timings", "cache_creation", "prompt_tokens_details"),
    *("completion_tokens_details", "input_tokens_details", "output_tokens_details", "prompt_token_details", "meta"),
    *("billed_units", "tokens", "iterations", "cached_tokens_details", "cost", "cost_details", "delta", "metadata"),
    *("choices", "result", "_hidden_params"),
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


@pytest.mark.parametrize("case", [case for case in CASES if case.cost is not None], ids=lambda case: case.name)
def test_a_cost_that_the_provider_reports_is_taken(case: Case) -> None:
    if case.body is not None:
        assert reported_cost(find_usage(case.body)) == case.cost
        assert reported_cost(plain_usage(find_usage(case.body) or {})) == case.cost
    else:
        reader = StreamReader(case.wire)
        reader.feed(case.lines())
        reader.finish()
        assert reported_cost(reader.raw_usage) == case.cost


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_kept_of_a_payload_means_the_same_row(case: Case) -> None:
    for event in [case.body] if case.body is not None else case.stream or []:
        usage = find_usage(event)
        if usage is not None:
            assert read_usage(json.loads(json.dumps(plain_usage(usage)))) == read_usage(usage)


NO_AMOUNTS = [
    *(None, True, "", "much", "-1", "NaN", "Infinity", "1e999", "0" * 50, -1, -0.5, math.nan, math.inf, 10**400),
    *([1], {}, {"total_cost": True}, {"total_cost": [1]}, {"total_cost": 1, "currency": "EUR"}),
]


@pytest.mark.parametrize("cost", NO_AMOUNTS)
def test_a_cost_that_is_no_price_is_not_taken(cost: Any) -> None:
    assert reported_cost({"cost": cost}) is None
    assert reported_cost({"cost_in_usd_ticks": cost, "total_cost": cost, "_hidden_params": cost}) is None


USED = {"prompt_tokens": 1000, "completion_tokens": 500}


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": "0.25"}, 0.25),
        ({"cost": "$0.25"}, 0.25),
        ({"cost": 0}, 0),
        ({"cost": {"total_cost": 0.25, "request_cost": 0.2}}, 0.25),
        ({"cost": {"currency": "USD", "total_cost": "0.25"}}, 0.25),
        ({"cost_in_usd_ticks": 318319000}, 0.0318319),
        ({"cost_in_usd_ticks": 37756000, "cost": 0}, 0.0037756),
        ({"estimated_cost": 2.4e-06}, 2.4e-06),
        ({"total_cost": 0.25, "cost": None}, 0.25),
        ({"response_cost": 0.25}, 0.25),
        ({"_hidden_params": {"response_cost": 0.25}}, 0.25),
        ({"costDollars": {"total": 0.005}}, 0.005),
        ({"gateway": {"cost": "0.0045405", "marketCost": "0.01"}}, 0.0045405),
        ({"usd_spent": 0.001695}, 0.001695),
        ({"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.01}}, 0.01),
        ({"cost": 0.01, "cost_details": {"upstream_inference_cost": 0.02}}, 0.01),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021),
        ({"cost": "0", "is_byok": True, "cost_details": {"upstream_inference_cost": "0.02"}}, 0.02),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.02}}, 0.02),
        ({"cost": 0, "is_byok": True}, None),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None),
        ({}, None),
    ],
)
def test_a_cost_is_read_in_every_shape_and_after_it_was_kept(told: dict[str, Any], cost: float | None) -> None:
    payload = {**USED, **told}
    assert reported_cost(payload) == cost
    assert reported_cost(plain_usage(payload)) == cost


@pytest.mark.parametrize(
    ("tokens", "cost", "is_believed"),
    [
        (2, 999_999, False),
        (2, 10.02, True),
        (2, 10.03, False),
        (0, 10, True),
        (100_000, 1_010, True),
        (100_000, 1_011, False),
        (MAX_TOKENS, 10_000, True),
        (MAX_TOKENS, 10_001, False),
    ],
)
def test_a_cost_is_believed_up_to_what_no_provider_asks(tokens: int, cost: float, is_believed: bool) -> None:
    payload = {"prompt_tokens": tokens, "cost": cost}
    assert (reported_cost(payload) == cost) is is_believed
    assert is_absurd(payload, TokenUsage(tokens)) is not is_believed


@pytest.mark.parametrize(
    "beside",
    [
        {"response_cost": 0.25},
        {"cost": 0.25},
        {"_hidden_params": {"response_cost": 0.25}},
        {"costDollars": {"total": 0.25}},
        {"meta": {"usage": {"credits_used": 5, "usd_spent": 0.25}}},
        {"choices": [{"delta": {"provider_metadata": {"gateway": {"cost": "0.25"}}}}]},
        {"choices": [{"message": {"provider_metadata": {"gateway": {"cost": "0.25"}}}}]},
    ],
)
def test_a_cost_beside_the_usage_is_found_with_it(beside: dict[str, Any]) -> None:
    found = find_usage({"usage": USED, **beside})
    assert read_usage(found) == read_usage(USED)
    assert reported_cost(found) == 0.25


def test_the_service_tier_is_found_beside_the_usage() -> None:
    for event in ({"usage": USED, "service_tier": "flex"}, {"response": {"usage": USED, "service_tier": "flex"}}):
        assert plain_usage(find_usage(event) or {}) == {**USED, "service_tier": "flex"}
    own = {"usage": {**USED, "service_tier": "priority"}, "service_tier": "auto"}
    assert (find_usage(own) or {})["service_tier"] == "priority"


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
    for told in (payload, find_usage(payload)):
        usage, cost = read_usage(told), reported_cost(told)
        assert usage is None or is_sound(usage)
        assert cost is None or 0 <= cost <= 10_000


@given(payloads)
def test_what_is_kept_of_a_payload_is_numbers_that_json_can_hold(payload: dict[str, Any]) -> None:
    kept = json.loads(json.dumps(plain_usage(payload), allow_nan=False))
    assert all(isinstance(leaf, int | float) for leaf in leaves(kept))
    assert read_usage(kept) == read_usage(payload)
    assert reported_cost(kept) == reported_cost(payload)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


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


# --- each part is judged by itself

FORMATS = {
    "chat": ("prompt_tokens", "completion_tokens", "total_tokens", (False, False, False)),
    "messages": ("input_tokens", "output_tokens", "total_tokens", (False, True, True)),
    "converse": ("inputTokens", "outputTokens", "totalTokens", (False, True, True)),
    "gemini": ("promptTokenCount", "candidatesTokenCount", "totalTokenCount", (True, False, False)),
}
"""Names of input, output and total, and whether reasoning, writes and reads are documented to stand beside."""
SPELLINGS = {
    "chat": ("reasoning_tokens", "cache_write_tokens", "cached_tokens"),
    "messages": ("thinking_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    "converse": ("reasoningTokens", "cacheWriteInputTokens", "cacheReadInputTokens"),
    "gemini": ("thoughtsTokenCount", "cacheWriteTokens", "cachedContentTokenCount"),
}
EITHER = (False, True)


def spelled(name: str, prompt: int, output: int, parts: tuple[int, int, int], beside: tuple[bool, ...]) -> Any:
    """A payload whose parts stand inside or beside, and the row that it means."""
    prompt_name, output_name, total_name, _ = FORMATS[name]
    thought, written, read = parts
    told_prompt = prompt - sum(part for part, is_beside in zip(parts[1:], beside[1:], strict=True) if is_beside)
    told_output = output - thought * beside[0]
    payload = {prompt_name: told_prompt, output_name: told_output, total_name: prompt + output}
    payload |= {spelling: part for spelling, part in zip(SPELLINGS[name], parts, strict=True) if part}
    return payload, TokenUsage(prompt, read, written, told_output, thought, output)


@given(
    st.sampled_from(list(FORMATS)),
    st.tuples(*[st.integers(0, 5_000)] * 3),
    st.integers(1, 5_000),
    st.integers(1, 5_000),
    st.tuples(*[st.booleans()] * 3),
)
def test_the_total_tells_of_each_part_whether_it_stands_inside_or_beside(
    name: str, parts: tuple[int, int, int], plain: int, visible: int, beside: tuple[bool, bool, bool]
) -> None:
    prompt, output = plain + parts[1] + parts[2], visible + parts[0]
    payload, expected = spelled(name, prompt, output, parts, beside)
    total = payload[FORMATS[name][2]]
    readings = set()
    for other in itertools.product(EITHER, repeat=3):
        told_prompt, told_output = payload[FORMATS[name][0]], payload[FORMATS[name][1]]
        input_ = told_prompt + sum(part for part, out in zip(parts[1:], other[1:], strict=True) if out)
        output_ = told_output + parts[0] * other[0]
        if input_ + output_ == total:
            readings.add((input_, output_))
    assume(len(readings) == 1)  # Where two parts are of one size, the total cannot tell which of them it contains.
    assert read_usage(payload) == expected


@given(
    st.sampled_from(list(FORMATS)),
    st.tuples(*[st.integers(0, 5_000)] * 3),
    st.integers(1, 5_000),
    st.integers(1, 5_000),
)
def test_without_a_total_each_part_stands_where_its_provider_documents_it(
    name: str, parts: tuple[int, int, int], plain: int, visible: int
) -> None:
    prompt, output = plain + parts[1] + parts[2], visible + parts[0]
    payload, expected = spelled(name, prompt, output, parts, FORMATS[name][3])
    del payload[FORMATS[name][2]]
    assert read_usage(payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"prompt_tokens": 10, "cached_tokens": 200, "completion_tokens": 1}, TokenUsage(210, 200, 0, 1, 0, 1)),
        ({"prompt_tokens": 1, "completion_tokens": 10, "reasoning_tokens": 20}, TokenUsage(1, 0, 0, 10, 20, 30)),
        (
            {"prompt_tokens": 100, "completion_tokens": 1, "cache_read_tokens": 90, "cache_write_tokens": 50},
            TokenUsage(240, 90, 50, 1, 0, 1),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "toolUsePromptTokenCount": 30, "totalTokenCount": 45},
            TokenUsage(40, 0, 0, 5, 0, 5),
        ),
        (
            {"promptTokenCount": 40, "candidatesTokenCount": 5, "toolUsePromptTokenCount": 30, "totalTokenCount": 45},
            TokenUsage(40, 0, 0, 5, 0, 5),
        ),
        ({"completion_tokens": 5, "total_tokens": 20}, TokenUsage(15, 0, 0, 5, 0, 5)),
        ({"prompt_tokens": 15, "total_tokens": 20}, TokenUsage(15, 0, 0, 0, 0, 5)),
    ],
)
def test_a_part_larger_than_the_whole_stands_beside_it(payload: dict[str, int], expected: TokenUsage) -> None:
    assert read_usage(payload) == expected


READ = [
    *("cached_tokens", "num_cached_tokens", "cache_read_tokens", "cache_read_input_tokens", "cacheReadInputTokens"),
    *("cached_input_tokens", "prompt_cache_hit_tokens", "cacheReadTokens", "cached_prompt_text_tokens"),
    *("prompt_cache_read_tokens", "cachedInputTokens", "cached_content_token_count"),
]
WRITTEN = [
    *("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens", "cacheWriteInputTokens"),
    *("prompt_cache_write_tokens", "cacheWriteTokens", "cached_creation_tokens", "cache_write_input_tokens"),
]
DETAILS = [
    *("", "prompt_tokens_details", "prompt_token_details", "input_tokens_details", "input_token_details"),
    *("promptTokensDetails", "inputTokenDetails"),
]


@pytest.mark.parametrize("details", DETAILS)
@pytest.mark.parametrize(("read", "written"), [*itertools.zip_longest(READ, WRITTEN, fillvalue="cache_write_tokens")])
@pytest.mark.parametrize("names", [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")])
def test_the_cache_is_read_by_each_of_its_names_in_each_place(
    details: str, read: str, written: str, names: tuple[str, str]
) -> None:
    cache = {read: 30, written: 20}
    payload = {names[0]: 100, names[1]: 7, "total_tokens": 107, **({details: cache} if details else cache)}
    expected = TokenUsage(100, 30, 20, 7, 0, 7)
    assert read_usage(payload) == expected
    assert read_usage(plain_usage(payload)) == expected


@pytest.mark.parametrize("details", ["completion_tokens_details", "output_tokens_details", "outputTokenDetails", ""])
@pytest.mark.parametrize("name", ["reasoning_tokens", "thinking_tokens", "reasoningTokens", "reasoning_output_tokens"])
def test_reasoning_is_read_by_each_of_its_names_in_each_place(details: str, name: str) -> None:
    payload = {"prompt_tokens": 10, "completion_tokens": 7, **({details: {name: 5}} if details else {name: 5})}
    assert read_usage(payload) == TokenUsage(10, 0, 0, 7, 5, 7)


def step(kind: str, prompt: int, output: int) -> dict[str, Any]:
    return {"type": kind, "input_tokens": prompt, "output_tokens": output}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("compaction", 180_000, 3_500), step("message", 23_000, 1_000)], (203_000, 4_500)),
        ([step("compaction", 180_000, 3_500)], (203_000, 4_500)),
        ([step("message", 20_000, 600), step("compaction", 10, 5), step("message", 3_000, 400)], (23_010, 1_005)),
        ([step("message", 23_000, 1_000)], (23_000, 1_000)),
        ([step("compaction", 20_000, 900), step("message", 3_000, 100)], (23_000, 1_000)),
        ([{"type": "compaction"}, 5, None, {"input_tokens": 7}], (23_000, 1_000)),
        ([], (23_000, 1_000)),
        ("many", (23_000, 1_000)),
    ],
)
def test_what_anthropic_bills_beside_the_top_level_is_added(steps: Any, expected: tuple[int, int]) -> None:
    payload = {"input_tokens": 23_000, "output_tokens": 1_000, "iterations": steps}
    for told in (payload, plain_usage(payload)):
        usage = read_usage(told)
        assert usage is not None
        assert (usage.input, usage.output) == expected


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
