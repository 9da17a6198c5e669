"""The seam with a host of a few lines: each part fails alone, and what a provider refuses is taken back."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse

from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.model_ids import MOST_CHARACTERS
from tests.unit.small_host import ANSWER, Broken, EffortPolicy, Host, NoLimits, Provider, Rules, answered, stream

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class UnknownLimits(NoLimits):
    """A gate that cannot tell whether there are limits."""

    @property
    def is_limiting(self) -> bool:  # type: ignore[override]
        raise RuntimeError


# --- each part fails alone


@pytest.mark.parametrize("part", ["effort_policy", "connections", "valves"])
async def test_a_part_that_fails_leaves_metering_alone(part: str) -> None:
    host = Host(answered, **{part: Broken(), "fail_closed": True})
    for _ in range(3):
        assert b"Hi" in await host.chat(stream=True)
    assert [(row.usage.input, row.usage.output, row.usage.estimated) for row in host.rows.rows] == [(3, 2, False)] * 3
    assert list(host.faults.values()) == [3]


async def test_a_call_knows_its_connection() -> None:
    host = Host(answered, valves=Rules(MeteringRules(free_connections="api.example.com")))
    await host.chat()
    [row] = host.rows.rows
    assert (row.info.provider_url, row.info.is_free_connection) == ("https://api.example.com/v1", True)


@pytest.mark.parametrize(("fail_closed", "status"), [(False, None), (True, 503)])
async def test_a_call_that_cannot_be_checked_goes_on_or_is_refused_as_the_admin_says(
    fail_closed: bool, status: int | None
) -> None:
    for parts in ({"models": Broken()}, {"meter": Broken()}):
        host = Host(answered, fail_closed=fail_closed, **parts)
        assert getattr(await host.chat(), "status_code", None) == status
        assert len(host.sent) == (0 if fail_closed else 1)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fail_closed", "counted"), [(False, 1), (True, 0)])
async def test_a_call_is_counted_though_its_limits_cannot_be_asked(
    stream: bool, fail_closed: bool, counted: int
) -> None:
    host = Host(answered, gate=Broken(), fail_closed=fail_closed)
    answer = await host.chat(stream=stream)
    assert getattr(answer, "status_code", None) == (503 if fail_closed else None)
    assert [(row.usage.input, row.usage.output) for row in host.rows.rows] == [(3, 2)] * counted


@pytest.mark.parametrize(("fail_closed", "status", "counted"), [(False, None, 1), (True, 403, 0)])
async def test_what_no_limit_can_hold_is_counted_though_nobody_knows_of_limits(
    fail_closed: bool, status: int | None, counted: int
) -> None:
    host = Host(answered, gate=UnknownLimits(), fail_closed=fail_closed)
    assert getattr(await host.chat(background=True), "status_code", None) == status
    assert len(host.rows.rows) == counted


async def test_an_answer_that_cannot_be_settled_reaches_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openwebui_usage.host.calls.settle", Broken)
    host = Host(answered)
    assert await host.chat() == ANSWER
    assert host.faults == {"A call could not be settled": 1}


# --- the way back


def _said(field_name: str) -> dict[str, Any]:
    return {"error": {"message": f"Unknown parameter: '{field_name}'.", "param": field_name}}


def _raised(error: Exception) -> Any:
    raise error


SHAPES: dict[str, Callable[[str], Any]] = {
    "json response": lambda name: JSONResponse(_said(name), 400),
    "text response": lambda name: PlainTextResponse(f"unknown parameter {name}", 422),
    "dictionary": _said,
    "exception": lambda name: _raised(HTTPException(400, f"External: Unknown parameter: '{name}'.")),
    "exception with an object": lambda name: _raised(HTTPException(422, _said(name)["error"])),
    "stream": lambda name: StreamingResponse(stream(b"data: ", f'{{"error":"no {name}"}}'.encode()), 400),
}


def picky(shape: str, *fields: str) -> Provider:
    """Refuses the first of `fields` that is there."""

    def provider(body: dict[str, Any]) -> Any:
        refused = next((name for name in fields if name in body), None)
        return answered(body) if refused is None else SHAPES[shape](refused)

    return provider


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_is_refused_is_taken_back_and_counts_as_one_call(shape: str) -> None:
    host = Host(picky(shape, "stream_options"))
    assert b"Hi" in await host.chat(stream=True)
    assert ["stream_options" in sent for sent in host.sent] == [True, False]
    assert host.sent[0]["messages"] == host.sent[1]["messages"]
    assert [(row.outcome, row.usage.estimated) for row in host.rows.rows] == [("done", True)]
    assert b"Hi" in await host.chat(stream=True)
    assert len(host.sent) == 3
    [remembered] = host.taken_back
    assert remembered == {
        "connection": "openai:0 https://api.example.com/v1",
        "model": "m",
        "with_tools": False,
        "fields": ["stream_options"],
    }


@pytest.mark.parametrize("shape", SHAPES)
async def test_each_addition_is_taken_back_when_it_is_named(shape: str) -> None:
    host = Host(picky(shape, "reasoning_effort", "stream_options"), effort_policy=EffortPolicy("high"))
    assert b"Hi" in await host.chat(stream=True)
    assert [len(sent) for sent in host.sent] == [5, 4, 3]
    assert len(host.rows.rows) == 1
    assert host.taken_back[0]["fields"] == ["reasoning_effort", "stream_options"]


@pytest.mark.parametrize("shape", [name for name in SHAPES if "exception" not in name])
async def test_what_the_caller_sent_is_never_repeated(shape: str) -> None:
    host = Host(picky(shape, "stream_options", "seed"))
    await host.chat(stream=True, stream_options={"include_usage": True})
    await host.chat(stream=True, stream_options={"include_usage": True}, seed=1)
    await host.chat(stream=False, seed=1)
    assert len(host.sent) == 3
    assert [row.outcome for row in host.rows.rows] == ["error"] * 3
    assert host.taken_back == []


async def test_a_refusal_that_is_no_matter_of_ours_reaches_the_client_whole() -> None:
    host = Host(picky("stream", "seed"))
    assert await host.chat(stream=True, seed=1) == b'data: {"error":"no seed"}'


async def test_a_refused_stream_is_let_go() -> None:
    let_go = []

    def provider(body: dict[str, Any]) -> Any:
        if "stream_options" not in body:
            return answered(body)
        return StreamingResponse(
            stream(b"no stream_options"), 400, background=BackgroundTask(lambda: let_go.append(True))
        )

    assert b"Hi" in await Host(provider).chat(stream=True)
    assert let_go == [True]


async def test_nothing_is_repeated_once_a_stream_has_begun() -> None:
    def provider(body: dict[str, Any]) -> Any:
        return StreamingResponse(stream(b'data: {"error":{"message":"Unknown parameter: \'stream_options\'."}}\n\n'))

    host = Host(provider)
    assert b"stream_options" in await host.chat(stream=True)
    assert len(host.sent) == 1


async def test_a_stream_that_only_some_take_for_one_teaches_nothing() -> None:
    host = Host(picky("json response", "stream_options"))
    await host.chat(stream="no")
    assert host.taken_back == []


async def test_a_connection_may_be_left_unasked() -> None:
    host = Host(answered, valves=Rules(MeteringRules(not_asked_for_usage="https://api.example.com/*")))
    assert b"Hi" in await host.chat(stream=True)
    assert "stream_options" not in host.sent[0]
    assert host.rows.rows[0].usage.estimated


# --- what is kept


async def test_megabytes_of_a_model_id_are_kept_nowhere() -> None:
    host = Host(picky("json response", "stream_options"), models=SimpleNamespace(base_of=_none))
    await host.chat(model="m" * 2_000_000, stream=True)
    [row] = host.rows.rows
    assert len(row.info.model) <= MOST_CHARACTERS
    assert len(str(host.taken_back)) < 1000


async def _none(model: str) -> None:
    assert len(model) <= MOST_CHARACTERS
