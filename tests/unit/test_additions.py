"""What we add to requests, how a provider's refusal of it is read, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.additions import (
    Addition,
    RefusedAdditions,
    Target,
    additions,
    ask_for_usage,
    kept_for_repetition,
)
from openwebui_usage.rules.model_ids import MOST_CHARACTERS, bounded
from openwebui_usage.rules.provider_refusals import refused_names
from tests.support.provider.refusing import SHAPES

USAGE = {"stream_options", "include_usage"}
EFFORT = Addition("reasoning_effort").names
THINK = Addition("think").names


class TestAskingForUsage:
    @pytest.mark.parametrize(
        "options",
        [
            {"include_usage": "true"},
            {"include_usage": "false"},
            {"include_usage": 0},
            {"include_usage": 1},
            {"include_usage": [0]},
            {"include_usage": None},
            {"include_usage": False},
            {"chunk_include_usage": True},
            {},
            None,
            "yes",
            [],
        ],
    )
    def test_only_true_counts_as_asked(self, options: Any) -> None:
        body = {"model": "m", "stream_options": options}
        before = dict(body)
        addition = ask_for_usage(body)
        assert addition is not None
        assert body["stream_options"]["include_usage"] is True
        if isinstance(options, dict):
            assert {**options, "include_usage": True} == body["stream_options"]
        addition.take_back(body)
        assert body == before

    def test_true_is_left_alone(self) -> None:
        options = {"include_usage": True, "more": 1}
        body = {"stream_options": options}
        assert ask_for_usage(body) is None
        assert body["stream_options"] is options

    def test_where_there_was_nothing_nothing_stays(self) -> None:
        body: dict[str, Any] = {"model": "m"}
        addition = ask_for_usage(body)
        assert addition is not None
        addition.take_back(body)
        assert body == {"model": "m"}

    def test_what_the_caller_sent_beside_it_is_the_callers(self) -> None:
        addition = ask_for_usage({"stream_options": {"chunk_include_usage": True}})
        assert addition is not None
        assert addition.names == {"include_usage"}


def test_additions_are_what_was_set_or_changed() -> None:
    before = {"model": "m", "think": None, "options": {"a": 1}, "reasoning": {"effort": "low"}}
    after = {"model": "m", "think": "low", "options": {"a": 1}, "reasoning_effort": "low"}
    assert {addition.field: addition.before for addition in additions(before, after)}.keys() == {
        "think",
        "reasoning_effort",
    }
    for addition in additions(before, after):
        addition.take_back(after)
    assert after == {"model": "m", "think": None, "options": {"a": 1}}


def test_a_repetition_is_not_changed_by_what_the_host_does_to_the_first_try() -> None:
    sent = {
        "model": "m",
        "messages": [{"role": "system", "content": [{"type": "text", "text": "a"}]}, {"role": "user"}],
    }
    kept = kept_for_repetition(sent)
    sent["messages"][0]["content"][0]["text"] = "b"  # type: ignore[index]
    sent["messages"].insert(0, {"role": "system"})  # type: ignore[attr-defined]
    assert kept["messages"] == [{"role": "system", "content": [{"type": "text", "text": "a"}]}, {"role": "user"}]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("field", ["stream_options", "reasoning_effort", "think"])
def test_a_refusal_is_understood_in_every_shape(shape: str, field: str) -> None:
    status, body = SHAPES[shape](field)
    assert refused_names(status, body, Addition(field).names)
    text = body.encode() if isinstance(body, str) else body
    assert refused_names(status, text, Addition(field).names)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_of_something_else_is_not_ours(shape: str) -> None:
    status, body = SHAPES[shape]("temperature")
    assert not refused_names(status, body, USAGE | EFFORT | THINK)


OURS: list[tuple[int, Any, frozenset[str] | set[str]]] = [
    (400, {"error": "registry.ollama.ai/library/gemma3:latest does not support thinking"}, THINK),
    (400, {"error": 'think value "high" is not supported for this model'}, THINK),
    (400, {"error": {"message": '"gemma3:4b" does not support thinking', "type": "api_error"}}, EFFORT),
    (400, {"error": {"message": "reasoning is not supported with this model"}}, EFFORT),
    (400, {"error": {"message": "`reasoning_effort` must be one of `none` or `default`"}}, EFFORT),
    (400, {"error": {"message": "Argument not supported on this model: reasoningEffort", "code": "400"}}, EFFORT),
    (
        400,
        {
            "error": {
                "message": "Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/responses.",
                "param": "reasoning_effort",
            }
        },
        EFFORT,
    ),
    (
        400,
        {"error": {"message": "Unsupported value", "param": "reasoning.effort", "code": "unsupported_value"}},
        EFFORT,
    ),
    (400, {"error": {"message": "Thinking is not supported by this model.", "status": "INVALID_ARGUMENT"}}, EFFORT),
    (400, {"type": "error", "error": {"message": "output_config.effort: Extra inputs are not permitted"}}, EFFORT),
    (
        400,
        {
            "error": {
                "message": "litellm.UnsupportedParamsError: groq does not support parameters: ['reasoning_effort']"
            }
        },
        EFFORT,
    ),
    (
        400,
        {
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": '{"error":{"message":"Unknown parameter: \'stream_options\'."}}'},
            }
        },
        USAGE,
    ),
    (
        400,
        (
            "1 validation error for ChatCompletionRequest\nstream_options\n  Extra inputs are not permitted "
            "[type=extra_forbidden, input_value={'include_usage': True}, input_type=dict]"
        ),
        USAGE,
    ),
    (422, {"detail": [{"loc": ["body", "stream_options", "include_usage"], "type": "extra_forbidden"}]}, USAGE),
    (422, {"detail": [{"loc": ["body"], "msg": "extra fields not permitted: stream_options"}]}, USAGE),
    (400, {"error": {"message": "unknown field `stream_options`, expected one of `model`, `messages`"}}, USAGE),
    (400, {"error": {"message": "The 'stream_options' parameter is only allowed when 'stream' is enabled."}}, USAGE),
    (400, {"message": "body/stream_options must NOT be present", "code": "FST_ERR_VALIDATION"}, USAGE),
    (400, {"errors": [{"instancePath": "/stream_options", "message": "must NOT have additional properties"}]}, USAGE),
    (400, b'{"error":{"message":"invalid streamOptions"}}', USAGE),
    (400, '{"error": {"message": "stream_options: ungültig', USAGE),
    (400, {"error": {"message": "参数stream_options不支持"}}, USAGE),
    (400, {"stream_options": ["Unknown field."]}, USAGE),
    (400, {"error": {"stream_options": ["Unknown field."]}}, USAGE),
    (400, {"error": {"message": "Supported fields: model, messages. Got unsupported: stream_options"}}, USAGE),
    (400, "Only supported parameters may be sent; these are not: stream_options", USAGE),
    *(
        (status, {"error": {"message": "upstream: Unknown parameter: 'stream_options'."}}, USAGE)
        for status in (403, 404, 405, 406, 409, 413, 415, 424, 502, 503)
    ),
    (502, {"error": {"message": "upstream: Unknown parameter: 'reasoning_effort'."}}, EFFORT),
]


@pytest.mark.parametrize(("status", "body", "names"), OURS)
def test_what_names_our_addition_is_found(status: int, body: Any, names: set[str]) -> None:
    assert refused_names(status, body, names)


NOT_OURS: list[tuple[int, Any]] = [
    (401, {"error": {"message": "stream_options needs another key"}}),
    (429, {"error": {"message": "Too many requests with reasoning_effort"}}),
    (404, {"error": {"message": "unknown url; did you mean stream_options"}}),
    (200, {"error": {"message": "stream_options"}}),
    (408, {"error": {"message": "stream_options"}}),
    (503, {"error": {"message": "The model is thinking too much; reasoning is overloaded"}}),
    (400, {"messages": ["This field is required."], "reasoning_effort": "low", "stream_options": {"a": ["b"]}}),
    (400, "Unknown: foo. Supported parameters: model,\n stream_options.v2, stream_options. Read the docs."),
    (400, {"error": {"message": "Unknown parameter: 'foo'. Supported parameters: model, stream_options"}}),
    (400, {"error": {"message": "unknown field `foo`, expected one of `model`, `stream_options`, `reasoning_effort`"}}),
    (400, {"error": {"message": "Unknown parameter: 'foo'. Did you mean 'stream_options'?", "param": "foo"}}),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "input": {"stream_options": {}}}]}),
    (
        400,
        {
            "message": "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required', "
            "'input': {'stream_options': {'include_usage': True}, 'reasoning_effort': 'low'}}]"
        },
    ),
    (
        400,
        (
            "1 validation error\nmessages\n  Field required [type=missing, input_value={'stream_options': "
            "{'include_usage': True}, 'think': 'low'}, input_type=dict]"
        ),
    ),
    (
        422,
        {"detail": [{"loc": ["body", "messages", 2, "reasoning"], "type": "extra_forbidden", "msg": "Extra inputs"}]},
    ),
    (400, {"error": {"message": "'messages.2' : for 'role:assistant' property 'reasoning_content' is unsupported"}}),
    (400, {"error": {"message": "'messages.2' : for 'role:assistant' property 'reasoning' is unsupported"}}),
    (400, {"error": {"message": "my_stream_options_2 is unknown"}}),
    (400, {"error": {"message": "The model `qwen3-thinking` is overloaded"}}),
    (400, None),
    (400, 7),
    (400, ""),
    (400, []),
    (400, {"error": None}),
]


@pytest.mark.parametrize(("status", "body"), NOT_OURS)
def test_what_does_not_name_it_is_not(status: int, body: Any) -> None:
    assert not refused_names(status, body, USAGE | EFFORT | THINK, model="qwen3-thinking")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.one_of(_JSON, st.binary()), st.integers())
def test_nothing_that_a_provider_says_raises(answer: Any, status: int) -> None:
    refused_names(status, answer, EFFORT, model="x")
    refused_names(400, answer, EFFORT, model="x")


def test_what_is_nested_deeply_is_no_refusal() -> None:
    deep: Any = "stream_options"
    for _ in range(5000):
        deep = [deep]
    assert not refused_names(400, deep, USAGE)
    assert not refused_names(400, b"[" * 100_000, USAGE)


class TestWhatWasRefused:
    def test_is_remembered_by_connection_model_and_tools(self) -> None:
        refused = RefusedAdditions()
        target = Target("openai:0", "m")
        refused.add(target, {"stream_options"})
        refused.add(target, {"reasoning_effort"})
        assert refused.of(target) == {"stream_options", "reasoning_effort"}
        for other in (Target("openai:1", "m"), Target("openai:0", "n"), Target("openai:0", "m", has_tools=True)):
            assert refused.of(other) == frozenset()
        assert refused.listed() == [
            {
                "connection": "openai:0",
                "model": "m",
                "with_tools": False,
                "fields": ["reasoning_effort", "stream_options"],
            }
        ]

    def test_is_bounded_and_the_longest_unused_goes(self) -> None:
        refused = RefusedAdditions(most=2)
        for model in ("a", "b"):
            refused.add(Target("c", model), {"think"})
        assert refused.of(Target("c", "a"))
        refused.add(Target("c", "d"), {"think"})
        assert [entry["model"] for entry in refused.listed()] == ["a", "d"]


@given(st.text(max_size=2000), st.text(max_size=2000))
def test_model_ids_are_bounded_and_stay_different(one: str, other: str) -> None:
    assert len(bounded(one)) <= MOST_CHARACTERS
    assert (bounded(one) == bounded(other)) is (one == other)


@pytest.mark.parametrize("char", ["x", "\U0001f642", "\ud800"])
def test_megabytes_of_an_id_leave_nothing_behind(char: str) -> None:
    long = char * 2_000_000
    assert len(bounded(long).encode(errors="surrogatepass")) <= 4 * MOST_CHARACTERS
    assert bounded(long) != bounded(long + "y")
