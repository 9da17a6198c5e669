"""A stream's usage is found once, however its bytes are cut, and never in what a model merely says."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules import estimate, streams
from openwebui_usage.rules.stream_events import answered_text, parse_line, streamed_text
from openwebui_usage.rules.streams import StreamReader
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.usage_hider import UsageHider
from openwebui_usage.rules.usage_places import find_usage
from openwebui_usage.rules.usage_reading import read_usage
from openwebui_usage.rules.wires import Wire
from tests.unit.corpus import BODIES, STREAMS, Case, encode

WIRES: tuple[Wire, ...] = ("chat", "responses", "anthropic", "ollama")
AWKWARD = 'He said "usage": {"prompt_tokens": 999999, "total_tokens": 1} – naïve, 漢字, 🙂🙂, data: [DONE]\n\nand done.'
REPORT = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def chunk(text: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}], **more}


def chat(*events: Any, newline: str = "\n", after_data: str = " ") -> bytes:
    return b"".join(encode(event, "chat", newline, after_data) for event in events)


AWKWARD_STREAM = (
    *(chunk(piece, usage=None) for piece in ("usage", '"usage"', AWKWARD, "[DONE]")),
    {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": json.dumps({"usage": REPORT})}}]}}]},
    {"choices": [], "usage": REPORT},
    "[DONE]",
)


def read(wire: Wire, chunks: Iterable[bytes]) -> StreamReader:
    reader = StreamReader(wire)
    for data in chunks:
        reader.feed(data)
    reader.finish()
    return reader


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in itertools.pairwise([0, *ends])]


cuts = st.lists(st.integers(0, 10_000), max_size=30)


@given(st.sampled_from(STREAMS), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " ", "  "]), cuts)
def test_usage_is_the_same_however_the_bytes_are_cut(case: Case, newline: str, after: str, places: list[int]) -> None:
    reader = read(case.wire, cut(case.lines(newline, after), places))
    assert reader.usage() == case.expected
    assert reader.ended or not case.name.startswith(("openai", "anthropic", "ollama", "vllm", "groq"))
    assert not reader.failed


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_usage_is_the_same_byte_by_byte_and_in_one_piece(case: Case) -> None:
    data = case.lines()
    for chunks in ([data], [data[place : place + 1] for place in range(len(data))], data.splitlines(keepends=True)):
        assert read(case.wire, chunks).usage() == case.expected


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_a_stream_finds_every_usage_that_a_body_may_carry(case: Case, wire: Wire) -> None:
    """Whatever a provider or a pipe sends on whichever wire: no place is known to one of the two only."""
    expected = read_usage(find_usage(case.body))
    assert expected is not None
    data = encode({"type": "a.chunk", **(case.body or {})}, wire)
    for chunks in ([data], [data[place : place + 1] for place in range(len(data))], [data, b"data: [DONE]\n\n"]):
        assert read(wire, chunks).usage() == expected


PLACES: list[Any] = [
    *([], ["response"], ["message"], ["x_groq"], ["result"], ["delta"], ["metadata"], ["meta"], ["response", "meta"]),
    ["choices", 0],
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("usage", {"prompt_tokens": 12, "completion_tokens": 5}),
        ("usageMetadata", {"promptTokenCount": 12, "candidatesTokenCount": 5}),
        ("usage_metadata", {"prompt_token_count": 12, "candidates_token_count": 5}),
        ("amazon-bedrock-invocationMetrics", {"inputTokenCount": 12, "outputTokenCount": 5}),
        ("billed_units", {"input_tokens": 12, "output_tokens": 5}),
    ],
)
def test_usage_is_found_in_every_place_by_every_name(wire: Wire, place: list[Any], name: str, counts: Any) -> None:
    event: Any = {name: counts}
    for key in reversed(place):
        event = [event] if isinstance(key, int) else {key: event}
    assert read_usage(find_usage(event)) == TokenUsage(12, completion=5, output=5)
    data = encode({"type": "a.chunk", **event}, wire)
    assert read(wire, [data]).usage() == TokenUsage(12, completion=5, output=5)
    assert read(wire, [data[:20], data[20:], encode("[DONE]", "chat")]).usage() == TokenUsage(
        12, completion=5, output=5
    )


def test_counts_that_are_not_called_usage_survive_a_long_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_KEEP_BYTES", 500)
    timings = {"choices": [], "timings": {"prompt_n": 10, "cache_n": 2, "predicted_n": 7}}
    for filler in range(0, 600, 7):
        reader = read("chat", [chat(chunk("x" * filler)), chat(timings), chat("[DONE]")])
        assert reader.usage() == TokenUsage(12, 2, 0, 7, 0, 7)


@given(st.sampled_from(["\n", "\r\n"]), cuts)
def test_words_of_a_model_are_never_mistaken_for_usage_or_an_end(newline: str, places: list[int]) -> None:
    events = AWKWARD_STREAM
    reader = read("chat", cut(chat(*events[:-2], newline=newline), places))
    assert reader.usage() is None
    assert not reader.ended
    whole = read("chat", cut(chat(*events, newline=newline), places))
    assert whole.usage() == TokenUsage(12, completion=5, output=5)
    assert whole.ended


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ("chat", chunk("", choices=[{"delta": {"content": "usage"}}, {"delta": {"content": {"usage": REPORT}}}])),
        ("chat", {"choices": [{"delta": {"usage": REPORT}}], "note": {"usage": REPORT}, "timing": {"prompt_n": 1}}),
        ("ollama", {"message": {"tool_calls": [{"function": {"arguments": {"eval_count": 5}}}]}, "done": False}),
        ("ollama", {"message": {"content": "it is true"}, "done": False}),
        ("responses", {"type": "response.output_text.delta", "delta": '{"type": "response.completed"}'}),
        ("responses", {"type": "response.output_item.added", "item": {"usage": REPORT}}),
        ("anthropic", {"type": "content_block_start", "content_block": {"input": {"usage": REPORT}}}),
        ("anthropic", {"type": "content_block_delta", "delta": {"text": "message_stop"}}),
    ],
)
def test_what_looks_like_usage_in_another_place_is_not_usage(wire: Wire, event: Any) -> None:
    reader = read(wire, [encode(event, wire)])
    assert reader.usage() is None
    assert not reader.ended


@pytest.mark.parametrize(
    "lines",
    [
        b'event: "usage": {"prompt_tokens": 5}\n\n',
        b': "usage": {"prompt_tokens": 5}\n\n',
        b'data: not json "usage":{"prompt_tokens":5}\n\n',
        b'data: {"usage":{"prompt_tokens":5}\n\n',
        b'data: {"usage":{"prompt_tokens":5}} and more\n\n',
        b'data: ["usage", {"usage":{"prompt_tokens":5}}]\n\n',
        b'data: {"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}\n\n",
        b'data: {"usage":{"prompt_tokens":NaN,"completion_tokens":-Infinity,"total_tokens":1e999}}\n\n',
        b'data: {"usage":{"a":' + b"[" * 100_000 + b"\n\n",
        b'data: {"usage":{"a":' + b'{"a":' * 100_000 + b"\n\n",
        b'\xff\xfe"usage":{\x00\n\n',
        b"\r\r\n\n\x00\n",
        b"",
    ],
)
@pytest.mark.parametrize("wire", WIRES)
def test_broken_lines_carry_no_usage_and_break_nothing(wire: Wire, lines: bytes) -> None:
    assert read(wire, [lines, lines, b"data: [DONE]"]).usage() is None


marks = st.sampled_from(
    [
        b'"usage":{"prompt_tokens":3}',
        b'"eval_count":4',
        b'"done":true',
        b"[DONE]",
        b"data:",
        b"{",
        b"}",
        b"\n",
        b'"error"',
    ]
)


@given(st.sampled_from(WIRES), st.lists(st.binary(max_size=12) | marks, max_size=25))
def test_no_bytes_raise(wire: Wire, chunks: list[bytes]) -> None:
    reader = read(wire, chunks)
    usage = reader.usage()
    assert usage is None or usage.input + usage.output > 0
    assert reader.unreported_tokens() >= 0
    hider = UsageHider()
    passed = b"".join([*(hider.pass_on(data) for data in chunks), hider.rest()])
    assert b"".join(chunks) == passed or b'"usage' in b"".join(chunks)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["content", "delta", "choices", "message", "type", "thinking", "output", "text", "error"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(WIRES),
)
def test_any_json_can_be_asked_for_its_text(body: Any, wire: Wire) -> None:
    assert isinstance(answered_text(body), str)
    read(wire, [json.dumps(body).encode() + b"\n"]).unreported_tokens()


# --- the end


@pytest.mark.parametrize(
    ("wire", "ending"),
    [
        ("chat", b"data: [DONE]\n\n"),
        ("chat", b"data:[DONE]\r\n\r\n"),
        ("chat", b"data: [DONE]"),
        ("ollama", b'{"done": true}\n'),
        ("ollama", b'{"done":true}'),
        ("anthropic", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
        ("responses", b'data: {"type": "response.completed", "response": {"usage": null}}\n\n'),
        ("responses", b'data: {"type": "response.incomplete", "response": {"error": null, "usage": null}}\n\n'),
        ("responses", b'data: {"type": "response.completed"}'),
        ("chat", b'data: {"type": "response.completed", "response": {"usage": {"input_tokens": 5}}}\n\n'),
    ],
)
def test_the_end_is_known_before_its_last_byte_is_passed_on(wire: Wire, ending: bytes) -> None:
    for cut_at in range(len(ending.rstrip())):
        reader = StreamReader(wire)
        reader.feed(ending[:cut_at])
        assert not reader.ended
        reader.feed(ending[cut_at:])
        assert reader.ended


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ("chat", {"error": {"message": "overloaded", "code": 502}}),
        ("chat", {"error": {"code": 502}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}),
        ("ollama", {"error": "an error was encountered while running the model"}),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        ("responses", {"type": "response.failed", "response": {"error": {"code": "server_error"}, "usage": None}}),
    ],
)
def test_an_error_in_the_stream_is_known_as_one(wire: Wire, event: Any) -> None:
    assert read(wire, [encode(event, wire)]).failed


def test_no_error_is_no_error() -> None:
    calm = {"type": "response.created", "response": {"error": None}, "error": None}
    assert not read("responses", [encode(calm, "responses")]).failed
    assert not read("chat", [chat(chunk('an "error" that is only said'), {"error": None, "choices": []})]).failed


# --- estimates


TEXT = "one two three four five six seven eight nine ten"
TOKENS = estimate.text_tokens(TEXT)


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        ("chat", [chunk(TEXT)]),
        ("chat", [{"choices": [{"delta": {"reasoning_content": TEXT, "reasoning": TEXT}}]}]),
        ("chat", [{"choices": [{"delta": {"reasoning": TEXT, "reasoning_details": [{"text": TEXT}]}}]}]),
        ("chat", [{"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": TEXT}}]}}]}]),
        ("chat", [{"choices": [{"delta": {"function_call": {"arguments": TEXT}}}]}]),
        ("chat", [{"choices": [{"delta": {"content": [{"type": "thinking", "thinking": [{"text": TEXT}]}]}}]}]),
        ("chat", [{"choices": [{"delta": {"refusal": TEXT}}]}]),
        ("chat", [{"choices": [{"text": TEXT}]}]),
        ("ollama", [{"message": {"content": "", "thinking": TEXT}, "done": False}]),
        ("ollama", [{"response": TEXT, "done": False}]),
        ("anthropic", [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}}]),
        ("anthropic", [{"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": TEXT}}]),
        ("anthropic", [{"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": TEXT}}]),
        (
            "responses",
            [
                {"type": "response.created", "response": {"instructions": TEXT, "error": None}},
                {"type": "response.output_text.delta", "delta": TEXT},
                {"type": "response.output_text.done", "text": TEXT},
                {"type": "response.content_part.done", "part": {"type": "output_text", "text": TEXT}},
                {"type": "response.output_item.done", "item": {"type": "message", "content": [{"text": TEXT}]}},
            ],
        ),
        ("responses", [{"type": "response.function_call_arguments.delta", "delta": TEXT}]),
        ("responses", [{"type": "response.reasoning_summary_text.delta", "delta": TEXT}]),
    ],
)
def test_what_was_streamed_is_estimated_once(wire: Wire, events: Sequence[Any]) -> None:
    reader = read(wire, [encode(event, wire) for event in events])
    assert reader.usage() is None
    assert reader.unreported_tokens() == TOKENS


def test_after_a_running_total_only_what_came_later_is_estimated() -> None:
    told = chunk("abcd" * 100, usage={"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14})
    assert read("chat", [chat(told)]).usage() == TokenUsage(10, completion=4, output=4)
    reader = read("chat", [chat(told, chunk(TEXT))])
    assert reader.usage() == TokenUsage(10, completion=4 + TOKENS, output=4 + TOKENS, estimated=True)


def test_a_preliminary_report_and_then_a_cut_is_told_and_estimated() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}}
    said = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}}
    reader = read("anthropic", [encode(start, "anthropic"), encode(said, "anthropic")])
    assert reader.usage() == TokenUsage(25, completion=1 + TOKENS, output=1 + TOKENS, estimated=True)


def test_a_finished_answer_that_is_reported_as_nothing_is_estimated() -> None:
    reader = read("chat", [chat(chunk(TEXT), {"choices": [], "usage": {"prompt_tokens": 9}}, "[DONE]")])
    assert reader.usage() == TokenUsage(9)
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 0}}}
    said = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT}}
    events = (start, said, {"type": "message_stop"})
    assert read("anthropic", [encode(event, "anthropic") for event in events]).usage() == TokenUsage(
        25, completion=TOKENS, output=TOKENS, estimated=True
    )


def test_a_finished_answer_that_was_reported_first_is_not_estimated_on_top() -> None:
    assert read("chat", [chat(chunk("", usage=REPORT), chunk(TEXT), "[DONE]")]).usage() == TokenUsage(12, 0, 0, 5, 0, 5)


def test_a_report_covers_what_was_estimated_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_KEEP_BYTES", 10)
    reader = read("chat", [chat(chunk(TEXT)), chat(chunk("", usage=REPORT)), chat(chunk(TEXT))])
    assert reader.usage() == TokenUsage(12, completion=5 + TOKENS, output=5 + TOKENS, estimated=True)


def test_what_is_reported_is_kept_as_the_provider_names_it() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "service_tier": "priority"}}}
    end = {"type": "message_delta", "usage": {"output_tokens": 15}}
    reader = read("anthropic", [encode(event, "anthropic") for event in (start, end)])
    assert reader.raw_usage == {"input_tokens": 25, "service_tier": "priority", "output_tokens": 15}


# --- memory


def test_a_long_stream_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_KEEP_BYTES", 10_000)
    reader = StreamReader("chat")
    line = chat(chunk("abcd" * 25))
    for _ in range(5_000):
        reader.feed(line)
        assert reader.kept <= 10_000 + (streams.ALIKE_TOGETHER + streams._CHUNKS_TOGETHER) * len(line)
    assert reader.unreported_tokens() == pytest.approx(5_000 * estimate.text_tokens("abcd" * 25), rel=0.02)


def test_a_line_that_never_ends_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 10_000)
    monkeypatch.setattr(streams, "_KEEP_BYTES", 10_000)
    reader, hider, passed = StreamReader("chat"), UsageHider(), 0
    for _ in range(1_000):
        reader.feed(b"x" * 1_000)
        passed += len(hider.pass_on(b"x" * 1_000))
        assert reader.kept <= 30_000
    assert passed >= 900_000
    reader.feed(b"\n" + chat({"choices": [], "usage": REPORT}, "[DONE]"))
    assert reader.usage() == TokenUsage(12, completion=5, output=5)


def test_what_chunks_have_in_common_is_not_kept() -> None:
    reader = StreamReader("chat")
    line = chat(chunk("abcd", usage=None))
    for _ in range(2_000):
        reader.feed(line)
    assert reader.kind is not None
    assert reader.kept < 2_000 * len("abcd") * 2 + 64 * len(line)
    assert reader.unreported_tokens() == estimate.text_tokens("abcd" * 2_000)


def test_many_streams_share_what_they_may_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_KEEP_TOGETHER", 100_000)
    monkeypatch.setattr(streams, "_LONG_LINE", 1_000)
    monkeypatch.setattr(streams, "_LINES_TOGETHER", 50_000)
    readers = [StreamReader("chat") for _ in range(100)]
    for number in range(200):
        for reader in readers:
            reader.feed(chat(chunk(f"abcd {number} " * 5, id=str(number))))
    waiting = (streams._CHUNKS_TOGETHER + streams.ALIKE_TOGETHER) * 200
    assert sum(reader.kept for reader in readers) <= 100_000 + 100 * waiting
    unfinished = [StreamReader("chat") for _ in range(100)]
    for _ in range(50):
        for reader in unfinished:
            reader.feed(b"x" * 100)
    assert sum(len(reader._begun) for reader in unfinished) <= 100 * 1_100


words = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "\n", 'x"}}]}\n\n', "[DONE]", "🙂", '"usage":{"total_tokens":1}']
)
among = st.sampled_from(
    [
        *(None, None, None, {"choices": [{"delta": {"reasoning_content": "Hm"}}]}, chunk("ok", id="another")),
        *(chunk("", usage=REPORT), {"choices": [], "usage": REPORT}, {"choices": [{"delta": {}}]}, chunk("")),
        *({"error": {"message": "overloaded"}}, {"choices": [], "timings": {"prompt_n": 3, "predicted_n": 4}}),
    ]
)


@given(
    st.lists(st.tuples(words, among), max_size=60),
    st.booleans(),
    st.sampled_from([b"", b'{"choices":[{"index":0,"delta":{"content":"', b'data: {"a":1}\n']),
    st.sampled_from([{}, {"usage": None}, {"usage": None, "obfuscation": "x1"}]),
)
def test_chunks_that_look_alike_are_read_as_any_other(
    said: list[tuple[str, Any]], at_once: bool, odd: bytes, more: dict[str, Any]
) -> None:
    pieces = [chat(chunk("Hello", **more)) for _ in range(streams._CHUNKS_TOGETHER + 2)]
    for text, event in said:
        pieces += [chat(chunk(text, **more)), *([] if event is None else [chat(event)])]
    pieces.append(odd)
    pieces += [pieces[0].replace(b'"Hello"', b'"a"}}]}\n\ndata: {"x":"b"'), pieces[0].replace(b"Hello", b"\\u12")]
    quick = StreamReader("chat", at_once=at_once)
    slow = StreamReader("chat", at_once=at_once)
    slow._kinds_left = 0
    for data in pieces:
        told = slow.feed(data)
        assert quick.feed(data) == told
    assert quick.kind is not None
    for reader in (quick, slow):
        reader.finish()
    assert quick.usage() == slow.usage()
    assert quick.unreported_tokens() == slow.unreported_tokens()
    assert (quick.error, quick.ended, quick.raw_usage) == (slow.error, slow.ended, slow.raw_usage)


# --- times


@pytest.mark.parametrize(
    ("wire", "thought", "said"),
    [
        ("chat", {"choices": [{"delta": {"reasoning_content": "Hm"}}]}, chunk("Yes")),
        ("ollama", {"message": {"content": "", "thinking": "Hm"}}, {"message": {"content": "Yes"}}),
        (
            "anthropic",
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Yes"}},
        ),
        (
            "responses",
            {"type": "response.reasoning_summary_text.delta", "delta": "Hm"},
            {"type": "response.output_text.delta", "delta": "Yes"},
        ),
    ],
)
def test_thinking_is_timed_from_the_first_thought_to_the_first_word(wire: Wire, thought: Any, said: Any) -> None:
    reader = StreamReader(wire)
    reader.feed(encode({"choices": [{"delta": {"role": "assistant", "content": ""}}], "type": "start"}, wire))
    assert reader.first_token_at is None
    reader.feed(encode(thought, wire))
    assert reader.thinking_at is not None
    assert reader.visible_at is None
    reader.feed(encode(said, wire))
    assert reader.visible_at is not None
    assert reader.first_token_at == reader.thinking_at <= reader.visible_at


def test_without_thoughts_there_is_no_thinking_time() -> None:
    reader = read("chat", [chat(chunk("Yes"))])
    assert reader.thinking_at is None
    assert reader.first_token_at == reader.visible_at is not None


# --- what a client sees that did not ask for usage


def hidden(chunks: Iterable[bytes]) -> bytes:
    hider = UsageHider()
    return b"".join([*(hider.pass_on(data) for data in chunks), hider.rest()])


@given(st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " "]), st.booleans(), cuts)
def test_only_the_usage_event_is_taken_out(newline: str, after: str, ends: bool, places: list[int]) -> None:
    def framed(*events: Any) -> bytes:
        return chat(*events, newline=newline, after_data=after)

    before = framed(*AWKWARD_STREAM[:-2], chunk("", usage=REPORT), {"choices": [], "usage": None, "prompt_filter": []})
    usage, end = framed(AWKWARD_STREAM[-2]), framed("[DONE]") if ends else b""
    assert hidden(cut(before + usage + end, places)) == before + end


def test_nothing_is_held_back_of_whole_lines() -> None:
    hider = UsageHider()
    for event in AWKWARD_STREAM[:-2]:
        assert hider.pass_on(chat(event)) == chat(event)


def test_an_unfinished_last_line_is_passed_on_in_the_end() -> None:
    assert hidden([b"data: [DO", b"NE]"]) == b"data: [DONE]"
    assert hidden([b'data: {"choices": [], "usage": {"prompt_tokens": 1}}']) == b""


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b'data: {"a": 1}\n', {"a": 1}),
        (b'data:{"a": 1}\r\n', {"a": 1}),
        (b' {"a": 1} ', {"a": 1}),
        (b"data: [DONE]", None),
        (b"event: x", None),
        (b"", None),
        (b"{", None),
    ],
)
def test_a_line_is_json_or_nothing(line: bytes, event: Any) -> None:
    assert parse_line(line) == event


def test_the_text_of_a_stream_is_what_the_model_wrote() -> None:
    assert "".join(streamed_text(chat(*(chunk(word) for word in ("Good", " ", "morning")), "[DONE]"))) == "Good morning"
