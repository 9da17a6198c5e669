"""One call from its start to its row: bytes pass untouched, the row is durable before the end is seen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.ledger.rows import CallInfo, CallRow
from openwebui_usage.meter import Call, Chunk, Meter
from openwebui_usage.rules import estimate
from openwebui_usage.rules.hidden_thoughts import UsualThoughts
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.rules.wires import Wire
from tests.support.recorder import INFO_FIELDS
from tests.unit.corpus import BODIES, STREAMS, Case, encode

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say something long, please."}], "stream": True}
PROMPT = estimate.prompt_tokens(BODY)
REPORT = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
TOLD = TokenUsage(12, completion=5, output=5)


@dataclass
class Ledger:
    """Keeps rows in memory. `write` takes a while, as a disk does."""

    rows: list[CallRow] = field(default_factory=list)
    """Rows that are durable."""
    posted: list[CallRow] = field(default_factory=list)
    begun: int = 0

    def post(self, row: CallRow) -> None:
        self.posted.append(row)

    async def write(self, row: CallRow) -> None:
        self.begun += 1
        for _ in range(3):
            await asyncio.sleep(0)
        self.rows.append(row)

    @property
    def only(self) -> CallRow:
        (row,) = self.rows + self.posted
        return row


class BrokenLedger(Ledger):
    def post(self, row: CallRow) -> None:
        raise RuntimeError("no")

    async def write(self, row: CallRow) -> None:
        raise RuntimeError("no")


def new_call(ledger: Ledger, wire: Wire = "chat", **info: Any) -> Call:
    known = {name: info.pop(name) for name in INFO_FIELDS & info.keys()}
    call_info = CallInfo(**{"model": "gpt-4o", "called_model": "gpt-4o", **known})
    return Call(CallRequest(call_info, info.pop("body", BODY), wire, **info), ledger)


async def source(chunks: Iterable[Any], error: BaseException | None = None) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
    if error is not None:
        raise error


async def collect(call: Call, chunks: Iterable[Any], error: BaseException | None = None) -> list[Chunk]:
    return [chunk async for chunk in call.forward(source(chunks, error))]


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}}], **more}


def lines(*events: Any, wire: Wire = "chat") -> list[bytes]:
    return [encode(event, wire) for event in events]


WORDS = "one two three four five six seven eight"
ANSWER = lines(text(WORDS), text(WORDS))
ANSWER_TOKENS = estimate.text_tokens(WORDS + WORDS)
USAGE = lines({"choices": [], "usage": REPORT})
DONE = lines("[DONE]")


# --- what passes


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.name)
def test_a_stream_passes_untouched_and_is_settled_by_its_usage(case: Case) -> None:
    data = case.lines()
    lines, bytes_ = data.splitlines(keepends=True), [data[place : place + 1] for place in range(len(data))]
    for chunks in (lines, bytes_, [piece for line in lines for piece in (line[:-1], line[-1:])]):
        ledger = Ledger()
        assert asyncio.run(collect(new_call(ledger, case.wire), chunks)) == chunks
        assert ledger.only.usage == case.expected
        assert ledger.only.outcome == "done"


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_an_answer_in_one_piece_is_settled_by_its_usage(case: Case) -> None:
    ledger = Ledger()
    asyncio.run(new_call(ledger, case.wire, generates=case.generates).answered(case.body))
    assert ledger.only.usage == case.expected
    assert ledger.only.outcome == "done"


@given(st.lists(st.integers(0, 2000), max_size=20))
def test_chunks_pass_as_they_come_however_the_bytes_are_cut(places: list[int]) -> None:
    data = b"".join([*ANSWER, *USAGE, *DONE])
    ends = sorted({0, len(data), *(place % len(data) for place in places)})
    chunks = [data[start:end] for start, end in itertools.pairwise(ends)]
    ledger = Ledger()
    assert asyncio.run(collect(new_call(ledger), chunks)) == chunks
    assert ledger.only.usage == TOLD


def test_texts_pass_as_texts() -> None:
    ledger = Ledger()
    chunks = [chunk.decode() for chunk in [*ANSWER, *USAGE]] + ["data: [DONE]"]
    assert asyncio.run(collect(new_call(ledger), chunks)) == chunks
    assert ledger.only.usage == TOLD


def test_chunks_of_a_strange_kind_pass_and_break_nothing() -> None:
    ledger = Ledger()
    chunks = [None, {"a": 1}, 5, "half a pair \ud800\n", bytearray(USAGE[0]), memoryview(DONE[0])]
    assert asyncio.run(collect(new_call(ledger), chunks)) == chunks
    assert ledger.only.usage == TOLD


# --- durable before the end is seen


@pytest.mark.parametrize(
    ("wire", "before", "end"),
    [
        ("chat", [*ANSWER, *USAGE], DONE[0]),
        ("chat", [*ANSWER, *USAGE], b"data: [DONE]"),
        ("chat", [*ANSWER, *USAGE, b"data: [DO"], b"NE]\n\n"),
        ("ollama", [b'{"response":"Hi","done":false}\n'], b'{"response":"","done":true,"eval_count":3}\n'),
        ("anthropic", lines({"type": "message_delta", "usage": {"output_tokens": 5}}, wire="anthropic"),
         lines({"type": "message_stop"}, wire="anthropic")[0]),
        ("responses", lines({"type": "response.output_text.delta", "delta": "Hi"}, wire="responses"),
         lines({"type": "response.completed", "response": {"usage": {"output_tokens": 5}}}, wire="responses")[0]),
        ("chat", lines({"type": "response.output_text.delta", "delta": "Hi"}),
         lines({"type": "response.completed", "response": {"usage": {"output_tokens": 5}}})[0]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("hide", [False, True])
def test_the_end_is_seen_only_after_the_row_is_durable(wire: Wire, before: list[bytes], end: bytes, hide: bool) -> None:
    ledger = Ledger()

    async def run() -> None:
        passed = b""
        async for chunk in new_call(ledger, wire, hide_usage_chunk=hide).forward(source([*before, end])):
            assert isinstance(chunk, bytes)
            passed += chunk
            assert bool(ledger.rows) == passed.endswith(end)
        assert passed.endswith(end)

    asyncio.run(run())
    assert ledger.only.usage.output > 0


def test_a_stream_without_a_word_of_its_end_is_durable_before_it_ends() -> None:
    ledger = Ledger()
    assert asyncio.run(collect(new_call(ledger), [*ANSWER, *USAGE])) == [*ANSWER, *USAGE]
    assert [row.usage for row in ledger.rows] == [TOLD]


# --- stopped


async def stop_by_closing(call: Call, chunks: Sequence[Chunk]) -> None:
    stream = call.forward(source(chunks))
    for _ in chunks:
        await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]


async def stop_by_cancelling(call: Call, chunks: Sequence[Chunk]) -> None:
    async def waiting() -> AsyncIterator[Chunk]:
        for chunk in chunks:
            yield chunk
        await asyncio.sleep(60)

    async def read() -> None:
        async for _ in call.forward(waiting()):
            pass

    task = asyncio.create_task(read())
    for _ in range(10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def stop_by_forgetting(call: Call, chunks: Sequence[Chunk]) -> None:
    """Nobody closes it: it stands at its `yield` when Python forgets it, as after a cancelled slow consumer."""
    stream = call.forward(source(chunks))
    for _ in chunks:
        await anext(stream)
    del stream
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)  # Now asyncio closes it, too.


async def stop_by_a_slow_consumer(call: Call, chunks: Sequence[Chunk]) -> None:
    async def read() -> None:
        seen = 0
        async for _ in call.forward(source(chunks)):
            seen += 1
            if seen == len(chunks):
                await asyncio.sleep(60)

    task = asyncio.create_task(read())
    for _ in range(3 * len(chunks) + 10):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    await asyncio.sleep(0)


async def stop_by_an_error_of_the_consumer(call: Call, chunks: Sequence[Chunk]) -> None:
    async def read() -> None:
        seen = 0
        async for _ in call.forward(source(chunks)):
            seen += 1
            if seen == len(chunks):
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()
    gc.collect()
    await asyncio.sleep(0)


STOPS = pytest.mark.parametrize(
    "stop",
    [
        stop_by_closing,
        stop_by_cancelling,
        stop_by_forgetting,
        stop_by_a_slow_consumer,
        stop_by_an_error_of_the_consumer,
    ],
)
Stop = Callable[[Call, Sequence[Chunk]], Awaitable[None]]


@STOPS
def test_a_stopped_stream_is_settled_with_an_estimate(stop: Stop) -> None:
    ledger = Ledger()
    asyncio.run(stop(new_call(ledger), ANSWER))
    assert ledger.only.usage == TokenUsage(PROMPT, completion=ANSWER_TOKENS, output=ANSWER_TOKENS, estimated=True)
    assert ledger.only.outcome == "stopped"
    assert PROMPT > 0 < ANSWER_TOKENS


@STOPS
def test_nobody_waits_for_the_row_of_a_stopped_stream(stop: Stop) -> None:
    ledger = Ledger()
    asyncio.run(stop(new_call(ledger), ANSWER))
    assert len(ledger.posted) == 1
    assert ledger.begun == 0


@STOPS
def test_a_stop_in_the_middle_of_a_line_counts_whole_lines(stop: Stop) -> None:
    ledger = Ledger()
    asyncio.run(stop(new_call(ledger), [*ANSWER, b'data: {"choices":[{"delta":{"con']))
    assert ledger.only.usage.output == ANSWER_TOKENS


@STOPS
def test_after_running_totals_nothing_is_estimated_on_top(stop: Stop) -> None:
    ledger = Ledger()
    totals = [{"prompt_tokens": 10, "completion_tokens": n, "total_tokens": 10 + n} for n in (1, 4)]
    asyncio.run(stop(new_call(ledger), lines(*(text(WORDS, usage=usage) for usage in totals))))
    assert ledger.only.usage == TokenUsage(10, completion=4, output=4)


@STOPS
def test_a_preliminary_report_is_followed_by_an_estimate(stop: Stop) -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}}
    said = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": WORDS + WORDS}}
    ledger = Ledger()
    asyncio.run(stop(new_call(ledger, "anthropic"), lines(start, said, wire="anthropic")))
    output = 1 + ANSWER_TOKENS
    assert ledger.only.usage == TokenUsage(25, completion=output, output=output, estimated=True)


def test_a_stop_after_the_end_changes_nothing() -> None:
    ledger = Ledger()
    asyncio.run(stop_by_closing(new_call(ledger), [*ANSWER, *USAGE, *DONE]))
    assert (ledger.only.usage, ledger.only.outcome) == (TOLD, "done")


def test_a_stop_while_the_row_is_being_written_makes_no_second_one() -> None:
    ledger = Ledger()

    async def run() -> None:
        stream = new_call(ledger).forward(source([*USAGE, *DONE]))
        await anext(stream)
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert ledger.begun == 1
        assert ledger.rows == []
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert ledger.begun == 1
    assert ledger.posted == []


def test_a_stop_closes_the_providers_stream() -> None:
    closed = []

    async def chunks() -> AsyncIterator[Chunk]:
        try:
            while True:
                yield ANSWER[0]
        finally:
            closed.append(True)

    async def run() -> None:
        stream = new_call(Ledger()).forward(chunks())
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        assert closed

    asyncio.run(run())


def test_a_call_that_is_given_up_before_its_answer_costs_its_prompt() -> None:
    ledger = Ledger()
    new_call(ledger).stopped()
    assert (ledger.only.usage, ledger.only.outcome) == (TokenUsage(PROMPT, estimated=True), "stopped")
    assert ledger.posted == [ledger.only]


# --- broken


def test_an_error_in_the_middle_is_settled_and_goes_on_to_the_caller() -> None:
    ledger = Ledger()
    with pytest.raises(ConnectionResetError, match="gone"):
        asyncio.run(collect(new_call(ledger), ANSWER, ConnectionResetError("gone")))
    assert ledger.rows == [ledger.only]
    assert ledger.only.outcome == "error"
    assert ledger.only.usage == TokenUsage(PROMPT, completion=ANSWER_TOKENS, output=ANSWER_TOKENS, estimated=True)


@pytest.mark.parametrize("ending", [[], DONE])
def test_an_error_that_the_provider_sends_is_an_error(ending: list[bytes]) -> None:
    ledger = Ledger()
    chunks = [*ANSWER, *lines({"error": {"message": "overloaded"}}), *ending]
    assert asyncio.run(collect(new_call(ledger), chunks)) == chunks
    assert (ledger.only.outcome, ledger.only.error) == ("error", "reported")
    assert ledger.only.usage.output == ANSWER_TOKENS


@pytest.mark.parametrize(
    ("error", "kind"), [(TimeoutError(), "timeout"), (ConnectionResetError(), "connection"), (ValueError(), "other")]
)
def test_what_breaks_a_stream_is_told_by_its_kind(error: Exception, kind: str) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield ANSWER[0]
        raise error

    async def go() -> None:
        with pytest.raises(type(error)):
            async for _ in call.forward(breaks()):
                pass

    ledger = Ledger()
    call = new_call(ledger)
    asyncio.run(go())
    assert (ledger.only.outcome, ledger.only.error) == ("error", kind)


def test_a_call_that_is_left_early_was_cancelled() -> None:
    ledger = Ledger()
    asyncio.run(stop_by_closing(new_call(ledger), ANSWER))
    assert (ledger.only.outcome, ledger.only.error) == ("stopped", "cancelled")


def test_a_row_tells_the_effort_and_no_error_where_there_was_none() -> None:
    ledger = Ledger()
    call = new_call(ledger)
    call.effort = "high"
    asyncio.run(collect(call, [*ANSWER, *USAGE, *DONE]))
    assert (ledger.only.effort, ledger.only.error) == ("high", None)


def test_a_call_that_the_provider_refused_used_nothing() -> None:
    ledger = Ledger()
    asyncio.run(new_call(ledger).failed())
    assert (ledger.only.usage, ledger.only.outcome) == (TokenUsage(), "error")


@pytest.mark.parametrize("chunks", [[*ANSWER, *USAGE, *DONE], ANSWER])
def test_a_fault_of_the_ledger_never_breaks_a_stream(chunks: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    assert asyncio.run(collect(new_call(BrokenLedger()), chunks)) == chunks
    asyncio.run(stop_by_closing(new_call(BrokenLedger()), ANSWER))


# --- silent


@pytest.mark.parametrize("ending", [[], DONE])
def test_a_silent_provider_is_estimated(ending: list[bytes]) -> None:
    ledger = Ledger()
    asyncio.run(collect(new_call(ledger), [*ANSWER, *ending]))
    assert ledger.only.usage == TokenUsage(PROMPT, completion=ANSWER_TOKENS, output=ANSWER_TOKENS, estimated=True)
    assert ledger.only.outcome == "done"


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}])
def test_a_silent_answer_in_one_piece_is_estimated(usage: dict[str, Any]) -> None:
    ledger = Ledger()
    body = {"choices": [{"message": {"content": WORDS + WORDS}}], **usage}
    asyncio.run(new_call(ledger).answered(body))
    assert ledger.only.usage == TokenUsage(PROMPT, completion=ANSWER_TOKENS, output=ANSWER_TOKENS, estimated=True)


def test_a_silent_embedding_has_an_estimated_prompt_and_no_output() -> None:
    ledger = Ledger()
    asyncio.run(new_call(ledger, generates=False).answered({"data": [{"embedding": [0.1]}], "text": WORDS}))
    assert ledger.only.usage == TokenUsage(PROMPT, estimated=True)


# --- hidden


@pytest.mark.parametrize("last", [DONE[0], b"data: [DONE]"])
def test_usage_that_nobody_asked_for_is_counted_and_not_passed_on(last: bytes) -> None:
    ledger = Ledger()
    passed = asyncio.run(collect(new_call(ledger, hide_usage_chunk=True), [*ANSWER, *USAGE, last]))
    assert passed == [*ANSWER, last]
    assert ledger.only.usage == TOLD


@given(st.lists(st.integers(0, 2000), max_size=20), st.booleans())
def test_all_but_the_hidden_usage_passes_to_the_byte(places: list[int], as_text: bool) -> None:
    before = b"".join([*ANSWER, *lines(text('"usage": {}, "choices": []', usage=None), text("", usage=REPORT))])
    data, seen = before + USAGE[0] + DONE[0], before + DONE[0]
    ends = sorted({0, len(data), *(place % len(data) for place in places)})
    chunks = [data[start:end] for start, end in itertools.pairwise(ends)]
    ledger = Ledger()
    call = new_call(ledger, hide_usage_chunk=True)
    passed = asyncio.run(collect(call, [chunk.decode() for chunk in chunks] if as_text else chunks))
    assert b"".join(chunk.encode() if isinstance(chunk, str) else chunk for chunk in passed) == seen
    assert ledger.only.usage == TOLD


@given(st.lists(st.integers(0, 100), max_size=5), st.integers(1, 3))
def test_usage_is_hidden_wherever_it_comes_among_many_that_look_alike(places: list[int], together: int) -> None:
    plain = lines(*(text(f"w{number}", usage=None) for number in range(100)))
    chunks = list(plain)
    for place in sorted(places, reverse=True):
        chunks.insert(place, USAGE[0])
    chunks = [b"".join(chunks[start : start + together]) for start in range(0, len(chunks), together)]
    passed = asyncio.run(collect(new_call(Ledger(), hide_usage_chunk=True), [*chunks, *DONE]))
    assert b"".join(map(bytes, passed)) == b"".join([*plain, *DONE])  # type: ignore[arg-type]


def test_lines_and_their_blank_ones_pass_without_the_hidden_pair() -> None:
    chunks = b"".join([*ANSWER, *USAGE, *DONE]).splitlines(keepends=True)
    passed = asyncio.run(collect(new_call(Ledger(), hide_usage_chunk=True), chunks))
    assert passed == b"".join([*ANSWER, *DONE]).splitlines(keepends=True)


# --- once


def test_a_call_is_settled_once() -> None:
    ledger = Ledger()

    async def run() -> None:
        call = new_call(ledger)
        await collect(call, [*ANSWER, *USAGE, *DONE])
        await call.answered({"usage": REPORT})
        await call.failed()
        call.stopped()

    asyncio.run(run())
    assert ledger.only.usage == TOLD


def test_a_call_whose_inner_calls_have_rows_gets_none() -> None:
    ledger = Ledger()

    async def run() -> None:
        for end in (
            lambda call: collect(call, [*ANSWER, *USAGE, *DONE]),
            lambda call: call.answered({"usage": REPORT}),
        ):
            call = new_call(ledger)
            call.inner_calls += 1
            await end(call)
        call = new_call(ledger)
        call.inner_calls += 1
        await stop_by_closing(call, ANSWER)

    asyncio.run(run())
    assert (ledger.rows, ledger.posted) == ([], [])


def test_a_call_that_reached_no_provider_gets_no_row_and_gives_back_what_it_reserved() -> None:
    ledger, released = Ledger(), []
    call = Call(CallRequest(CallInfo("gpt-4o", "gpt-4o"), BODY), ledger, released.append)
    call.forget()
    call.forget()
    call.stopped()
    assert (ledger.posted, released) == ([], [call.id])


async def _ignoring(settling: Awaitable[object]) -> None:
    with contextlib.suppress(RuntimeError):
        await settling


@pytest.mark.parametrize(
    "ending",
    [
        lambda call: _ignoring(call.answered(ANSWER)),
        lambda call: _ignoring(call.answered("no JSON")),
        lambda call: _ignoring(call.failed()),
        lambda call: _ignoring(asyncio.to_thread(call.stopped)),
        lambda call: collect(call, lines(text("Yes"), {"choices": [], "usage": REPORT}, "[DONE]")),
        lambda call: collect(call, lines(text("Yes"))),
        lambda call: stop_by_closing(call, lines(text("Yes"))),
    ],
    ids=["answered", "estimated", "failed", "stopped", "stream", "silent stream", "stopped stream"],
)
@pytest.mark.parametrize("broken", ["writer", "row"])
def test_a_row_that_a_fault_keeps_from_the_ledger_holds_no_reservation(
    ending: Callable[[Call], Awaitable[object]], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[str] = []
    call = new_call(BrokenLedger() if broken == "writer" else Ledger())
    call.release = released.append
    if broken == "row":
        monkeypatch.setattr("openwebui_usage.meter.CallRow", _raising)
    asyncio.run(ending(call))  # type: ignore[arg-type]
    assert set(released) == {call.id}


def _raising(**_: object) -> CallRow:
    raise RuntimeError("no")


# --- the row


def test_the_row_says_who_what_where_and_how_long() -> None:
    ledger = Ledger()
    where = {"user_id": "u1", "user_name": "Ada", "chat_id": "c1", "message_id": "m1", "task": "tags", "path": "/api"}

    async def run() -> None:
        meter = Meter(ledger)
        call = await meter.open(CallRequest(CallInfo("my-model", "gpt-4o", unverified=True, **where), BODY))
        thought = {"choices": [{"delta": {"reasoning_content": "Hm"}}]}
        await collect(call, lines(thought, text("Yes"), {"choices": [], "usage": REPORT}, "[DONE]"))

    asyncio.run(run())
    row = ledger.only
    assert {name: getattr(row.info, name) for name in where} == where
    assert (row.info.model, row.info.called_model, row.info.unverified) == ("my-model", "gpt-4o", True)
    assert row.raw_usage == REPORT
    assert row.first_token_after is not None
    assert row.thinking is not None
    assert 0 <= row.first_token_after <= row.duration
    assert 0 <= row.thinking <= row.duration


def test_no_word_of_an_answer_gets_into_the_row() -> None:
    ledger = Ledger()
    last = {"model": "llama3.2", "response": "secret", "context": [7, 8, 9], "done": True, "eval_count": 5}
    asyncio.run(collect(new_call(ledger, "ollama"), lines(last, wire="ollama")))
    asyncio.run(new_call(ledger, "ollama").answered({**last, "message": {"content": "secret"}}))
    assert [row.raw_usage for row in ledger.rows] == [{"eval_count": 5}] * 2


def test_a_stream_that_nobody_begins_to_read_is_settled_all_the_same() -> None:
    ledger = Ledger()
    new_call(ledger).forward(source(lines(text("never seen"))))
    gc.collect()
    row = ledger.only
    assert (row.outcome, row.usage.estimated) == ("stopped", True)


# --- thoughts that are billed and not shown

THOUGHT = {"prompt_tokens": 12, "completion_tokens": 2005, "completion_tokens_details": {"reasoning_tokens": 2000}}


def test_who_leaves_at_the_first_word_is_billed_what_the_model_usually_thinks() -> None:
    ledger = Ledger()

    async def run() -> None:
        meter = Meter(ledger)
        for effort, reasoning in (("low", 100), ("high", 2000)):
            body = {**BODY, "model": "o3", "reasoning_effort": effort}
            usage = {**THOUGHT, "completion_tokens_details": {"reasoning_tokens": reasoning}}
            call = await meter.open(CallRequest(CallInfo("o3", "o3"), body))
            await collect(call, lines(text("Yes"), {"choices": [], "usage": usage}, "[DONE]"))
            left = await meter.open(CallRequest(CallInfo("o3", "o3"), body))
            await stop_by_closing(left, lines(text("Yes")))

    asyncio.run(run())
    assert [row.usage.reasoning for row in ledger.posted] == [100, 2000]
    for row in ledger.posted:
        assert row.usage.estimated
        assert row.usage.output == row.usage.reasoning + 1


@pytest.mark.parametrize(
    ("model", "effort", "silent", "expected"),
    [
        ("o3-mini", None, 12.0, 600),
        ("gpt-5", "high", 12.0, 600),
        ("some-model", "high", 12.0, 600),
        ("o3-mini", None, 1.0, 0),
        ("gpt-4o", None, 12.0, 0),
        ("gpt-5.1", None, 12.0, 0),
        ("gpt-5.1", "none", 12.0, 0),
        ("some-model", None, 12.0, 0),
    ],
)
def test_a_model_that_was_never_seen_thinks_as_long_as_it_is_silent(
    model: str, effort: str | None, silent: float, expected: int
) -> None:
    assert UsualThoughts().estimate(model, effort, silent, is_over=True) == expected


def test_whoever_leaves_before_the_first_word_is_billed_a_share() -> None:
    thoughts = UsualThoughts()
    thoughts.learn("o3", "high", 4000, 20.0)
    assert thoughts.estimate("o3", "high", 5.0, is_over=False) == 1000
    assert thoughts.estimate("o3", "high", 50.0, is_over=False) == 4000
    assert thoughts.estimate("o3", "high", 5.0, is_over=True) == 4000


def test_who_leaves_before_a_whole_answer_is_billed_the_thoughts_of_that_time() -> None:
    ledger = Ledger()

    async def run() -> None:
        call = await Meter(ledger).open(CallRequest(CallInfo("o3", "o3"), BODY))
        call.thoughts.learn("o3", None, 2000, 10.0)
        call._started -= 5.0
        call.stopped()

    asyncio.run(run())
    assert ledger.only.usage.estimated
    assert ledger.only.usage.output == pytest.approx(1000, rel=0.1)


def test_thoughts_that_are_shown_are_counted_by_what_is_shown() -> None:
    ledger = Ledger()
    thought = {"choices": [{"delta": {"reasoning_content": WORDS}}]}

    async def run() -> None:
        meter = Meter(ledger)
        await collect(
            await meter.open(CallRequest(CallInfo("o3", "o3"), BODY)),
            lines({"choices": [], "usage": THOUGHT}, "[DONE]"),
        )
        await stop_by_closing(await meter.open(CallRequest(CallInfo("o3", "o3"), BODY)), lines(thought, text("Yes")))

    asyncio.run(run())
    assert ledger.posted[0].usage.output == estimate.text_tokens(WORDS + "Yes")


def test_what_is_known_of_models_stays_small() -> None:
    thoughts = UsualThoughts()
    for number in range(5000):
        thoughts.learn(f"model-{number}", None, 10, 1.0)
    assert len(thoughts._known) == 1000
