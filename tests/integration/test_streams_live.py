"""Streams through a real Open WebUI: what clients see, what a stop costs, and who is first to know the end."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from tests.support.clients import Client
from tests.support.ledger import Ledger, Row, assert_equal
from tests.support.nightly import mostly_at_night
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider

CHAT, OPENAI = "/api/chat/completions", "/openai/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello there, and how are you today?"}]
ASKED = {"stream_options": {"include_usage": True}}
TINY_CUTS = {"text": 'so "usage" – 漢', "chunks": 2, "cut": 3}
NULL_USAGE = b',"usage":null'
"""Once OpenAI was asked for usage, it says this in all chunks but the last."""


@pytest.fixture
def ledger(openwebui: OpenWebUI) -> Ledger:
    return Ledger(openwebui)


def chat(model: str, **body: Any) -> dict[str, Any]:
    return {"model": model, "messages": MESSAGES, "stream": True, **body}


def answer(client: Client, path: str, body: dict[str, Any]) -> tuple[int, str, bytes]:
    """Status, Retry-After and body, without what differs from call to call."""
    got = client.post(path, json=body)
    return got.status_code, got.headers.get("retry-after", ""), comparable(got.content)


def comparable(data: bytes) -> bytes:
    data = re.sub(rb"(chatcmpl|resp|msg|tool|cmpl)[-_](call\d+|[0-9a-f-]{36})", rb"\1-ID", data)
    return re.sub(rb'"created": ?\d+', rb'"created":0', data)


def events(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if line.strip()]


# --- what the client sees

SAME_EITHER_WAY = (
    "deepseek-reasoner",
    "gemini-2.5-flash",
    "vllm-continuous",
    "llama.cpp",
    "llama.cpp-old",
    "silent",
    "gpt-5-mini",
    "llama3.2:latest",
)
"""Models whose provider tells the same whether or not it was asked for usage."""
TOLD_WHEN_ASKED = ("gpt-4o-mini", "o3-mini", "grok-3-mini", "split-bytes", "tiny-cuts", "crlf", "says-usage")
OF_EACH_KIND = (
    "deepseek-reasoner",
    "silent",
    "gpt-5-mini",
    "llama3.2:latest",
    "gpt-4o-mini",
    "tiny-cuts",
    "says-usage",
)
"""What a plain run tries of both. tests/unit/test_streams.py has streams of every provider, cut everywhere."""


@pytest.fixture(scope="module")
def tiny_cuts(openwebui_process: OpenWebUI, bare_openwebui_process: OpenWebUI, provider_process: Provider) -> None:
    """Both hosts know the model of this name."""
    provider_process.behave("tiny-cuts", **TINY_CUTS)
    for server in (openwebui_process, bare_openwebui_process):
        server.admin.models(refresh=True)


@pytest.fixture(autouse=True)
def cut(tiny_cuts: None, provider: Provider) -> None:
    provider.behave("tiny-cuts", **TINY_CUTS)


def of_each_kind(models: Sequence[str]) -> list[Any]:
    return mostly_at_night(models, everyday=[model for model in models if model in OF_EACH_KIND])


class TestAClientThatDidNotAsk:
    @pytest.mark.parametrize("model", of_each_kind(SAME_EITHER_WAY))
    def test_sees_every_byte_as_without_the_plugin(
        self, admin: Client, bare_openwebui: OpenWebUI, ledger: Ledger, model: str
    ) -> None:
        expected = answer(bare_openwebui.admin, CHAT, chat(model))
        assert answer(admin, CHAT, chat(model)) == expected
        assert len(ledger.rows(outcome="done")) == 1

    @pytest.mark.parametrize(
        ("path", "model"),
        mostly_at_night(
            [(path, model) for path in (CHAT, OPENAI) for model in TOLD_WHEN_ASKED],
            everyday=[(CHAT, "gpt-4o-mini"), (CHAT, "tiny-cuts"), (CHAT, "says-usage"), (OPENAI, "gpt-4o-mini")],
        ),
    )
    def test_does_not_see_the_usage_that_we_asked_for(
        self, admin: Client, bare_openwebui: OpenWebUI, provider: Provider, ledger: Ledger, path: str, model: str
    ) -> None:
        expected = answer(bare_openwebui.admin, path, chat(model))
        status, _, seen = answer(admin, path, chat(model))
        assert (status, seen.replace(NULL_USAGE, b"")) == (200, expected[2])
        assert_equal(ledger.rows(), provider.ended_calls(2)[1:])

    def test_is_not_told_by_a_model_whose_usage_capability_is_off(
        self, admin: Client, provider: Provider, ledger: Ledger
    ) -> None:
        for name, capable in (("tells", True), ("tells-not", False)):
            admin.add_model(name, base="gpt-4o-mini", meta={"capabilities": {"usage": capable}})
            data = answer(admin, CHAT, chat(name))[2]
            assert (b'"usage":{' in data) is capable
        assert_equal(ledger.rows(), provider.ended_calls(2))


class TestAClientThatAsked:
    @pytest.mark.parametrize(
        ("path", "model"),
        mostly_at_night(
            [
                (path, model)
                for path in (CHAT, OPENAI)
                for model in (*SAME_EITHER_WAY, *TOLD_WHEN_ASKED)
                if path == CHAT or model != "llama3.2:latest"
            ],
            everyday=[*((CHAT, model) for model in OF_EACH_KIND), (OPENAI, "gpt-4o-mini"), (OPENAI, "gpt-5-mini")],
        ),
    )
    def test_sees_every_byte_as_without_the_plugin(
        self, admin: Client, bare_openwebui: OpenWebUI, ledger: Ledger, path: str, model: str
    ) -> None:
        expected = answer(bare_openwebui.admin, path, chat(model, **ASKED))
        assert answer(admin, path, chat(model, **ASKED)) == expected
        if model in TOLD_WHEN_ASKED:
            assert b'"usage":{"prompt_tokens"' in events(expected[2])[-2]
        assert len(ledger.rows(outcome="done")) == 1


# --- the end


# Where each wire format says that this was all.
ENDS: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "chat": (CHAT, chat("gpt-4o-mini"), b"[DONE]"),
    "chat, asked": (CHAT, chat("gpt-4o-mini", **ASKED), b"[DONE]"),
    "silent": (CHAT, chat("silent"), b"[DONE]"),
    "cut": (CHAT, chat("tiny-cuts"), b"[DONE]"),
    "responses connection": (CHAT, chat("gpt-5-mini"), b'data: {"type":"response.completed"'),
    "ollama connection": (CHAT, chat("llama3.2:latest"), b"[DONE]"),
    "messages": ("/api/v1/messages", chat("gpt-4o-mini", max_tokens=99), b'data: {"type":"message_stop"'),
    "native messages": ("/api/v1/messages", chat("claude-sonnet-4-5", max_tokens=99), b'data: {"type":"message_stop"'),
    "openai": (OPENAI, chat("gpt-4o-mini"), b"[DONE]"),
    "responses": (
        "/openai/responses",
        {"model": "gpt-4.1", "input": "Hi", "stream": True},
        b'data: {"type":"response.completed"',
    ),
    "ollama": ("/ollama/api/chat", chat("llama3.2:latest"), b'"done":true'),
    "generate": ("/ollama/api/generate", {"model": "llama3.2:latest", "prompt": "Hi"}, b'"done":true'),
}


class TestTheEnd:
    @pytest.mark.parametrize(("path", "body", "end"), ENDS.values(), ids=ENDS.keys())
    def test_is_seen_only_after_the_row_is_in_the_ledger(
        self, admin: Client, provider: Provider, ledger: Ledger, path: str, body: dict[str, Any], end: bytes
    ) -> None:
        for number in range(1, 6):
            with admin.http.stream("POST", path, json=body) as response:
                assert wait_for(response.iter_bytes(), end)
                assert len(ledger.rows()) == number
        if body["model"] != "silent":
            assert_equal(ledger.rows(), provider.ended_calls(5))

    def test_of_an_answer_in_one_piece_too(self, admin: Client, ledger: Ledger) -> None:
        for number in range(1, 11):
            admin.chat("gpt-4o-mini")
            assert len(ledger.rows()) == number

    def test_in_the_page_too(self, admin: Client, ledger: Ledger) -> None:
        with admin.ui() as ui:
            turn = ui.ask("gpt-4o-mini")
            while not any(event["data"].get("done") for event in turn.events if isinstance(event["data"], dict)):
                time.sleep(0.001)
            assert len(ledger.rows()) == 1
            turn.wait()


def wait_for(chunks: Iterator[bytes], mark: bytes) -> bool:
    seen = b""
    for chunk in chunks:
        seen += chunk
        if mark in seen:
            return True
    return False


# --- the times


def test_a_row_tells_how_long_it_took(admin: Client, provider: Provider, ledger: Ledger) -> None:
    provider.behave("deepseek-reasoner", first_byte_delay=0.3, delay=0.05, thoughts=4, chunks=6)
    admin.stream("deepseek-reasoner")
    admin.chat("deepseek-reasoner")
    streamed, whole = ledger.rows()
    assert 0.3 <= streamed.first_token_after < 0.3 + 4 * 0.05 + 1
    assert 4 * 0.05 <= streamed.thinking + 0.02 < 4 * 0.05 + 1
    assert streamed.first_token_after + streamed.thinking < streamed.duration
    assert 0.3 + 10 * 0.05 <= streamed.duration < 5
    assert (whole.first_token_after, whole.thinking) == (None, None)
    assert 0.3 <= whole.duration < 5


# --- stopped

STOPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (CHAT, chat("slow")),
    "chat, asked": (CHAT, chat("slow", **ASKED)),
    "openai": (OPENAI, chat("slow")),
    "ollama connection": (CHAT, chat("slow:latest")),
    "ollama": ("/ollama/api/chat", chat("slow:latest")),
    "responses connection": (CHAT, chat("gpt-4.1")),
    "responses": ("/openai/responses", {"model": "gpt-4.1", "input": MESSAGES[0]["content"], "stream": True}),
    "messages": ("/api/v1/messages", chat("slow", max_tokens=999)),
    "native messages": ("/api/v1/messages", chat("claude-sonnet-4-5", max_tokens=999)),
}


class TestAStoppedStream:
    @pytest.fixture(autouse=True)
    def slow(self, provider: Provider) -> None:
        for model in ("slow", "slow:latest", "gpt-4.1", "claude-sonnet-4-5"):
            provider.behave(model, chunks=400, delay=0.02, visible=None, prompt=None, cached=0, cache_write=0)

    @pytest.mark.parametrize(("path", "body"), STOPPED.values(), ids=STOPPED.keys())
    def test_by_a_client_that_leaves_is_settled_with_an_estimate(
        self, admin: Client, provider: Provider, ledger: Ledger, path: str, body: dict[str, Any]
    ) -> None:
        with admin.http.stream("POST", path, json=body) as response:
            assert response.status_code == 200
            assert wait_for(response.iter_bytes(), b"unhappy")
            stopped = time.time()
        assert_stopped(ledger, provider, stopped)

    @pytest.mark.parametrize("model", ["slow", "slow:latest", "gpt-4.1", "claude-sonnet-4-5"])
    @pytest.mark.parametrize("by", ["chat", "task"])
    def test_in_the_page_is_settled_with_an_estimate(
        self, admin: Client, provider: Provider, ledger: Ledger, model: str, by: str
    ) -> None:
        with admin.ui() as ui:
            turn = ui.ask(model, MESSAGES[0]["content"])
            wait_until(lambda: "unhappy" in str(turn.events), timeout=20, what="some text has arrived")
            stopped = time.time()
            if by == "chat":
                turn.stop()
            else:
                admin.request("POST", f"/api/tasks/stop/{turn.task_ids[0]}")
            row = assert_stopped(ledger, provider, stopped)
            assert (row.chat_id, row.message_id) == (turn.chat_id, turn.message_ids[0])

    def test_before_its_first_word_costs_the_prompt(self, admin: Client, provider: Provider, ledger: Ledger) -> None:
        provider.behave("slow-start", first_byte_delay=30)
        with admin.ui() as ui:
            turn = ui.ask("slow-start", MESSAGES[0]["content"])
            while not provider.calls("slow-start"):
                time.sleep(0.01)
            turn.stop()
            [row] = ledger.wait(1, timeout=3)
        assert (row.outcome, row.estimated, row.output) == ("stopped", True, 0)
        assert row.input >= 5

    def test_leaves_the_group_with_what_was_made(self, admin: Client, provider: Provider, ledger: Ledger) -> None:
        admin.add_group("stopped", ["slow"])
        try:
            with admin.http.stream("POST", CHAT, json=chat("slow")) as response:
                assert wait_for(response.iter_bytes(), b"unhappy")
            [row] = ledger.wait(1)
            usage = admin.usage_groups()["stopped"]["usage"]
        finally:
            admin.request("DELETE", "/api/usage/groups/stopped")
        assert (usage["in"], usage["out"], usage["estimated_calls"]) == (row.input, row.output, 1)


def assert_stopped(ledger: Ledger, provider: Provider, stopped: float) -> Row:
    """One row, in time, that says about what the provider billed."""
    [row] = ledger.wait(1, timeout=3)
    [call] = provider.ended_calls(1)
    assert call.ended == "gone"
    assert call.billed is not None
    assert (row.outcome, row.estimated) == ("stopped", True)
    assert row.started_at + row.duration <= stopped + 1
    tools = len(str(call.request.get("tools", "")))  # The stand-in does not bill them, others do.
    assert call.billed["prompt"] * 0.5 <= row.input <= call.billed["prompt"] * 2 + 10 + tools
    assert 1 <= row.output <= call.billed["output"] * 3
    assert row.output >= min(call.billed["output"], 7) * 0.4
    assert row.completion == row.output
    return row


# --- broken, failing and silent providers


class TestAProviderThat:
    @pytest.mark.parametrize(
        ("failure", "model"),
        mostly_at_night(
            itertools.product(
                ["break_after", "error_after"], ["breaks", "llama3.2:latest", "gpt-4.1", "claude-sonnet-4-5"]
            ),
            everyday=[
                ("break_after", "breaks"),
                ("error_after", "llama3.2:latest"),
                ("break_after", "gpt-4.1"),
                ("error_after", "claude-sonnet-4-5"),
            ],
        ),
    )
    def test_fails_in_the_middle_is_paid_for_what_it_sent(
        self,
        admin: Client,
        bare_openwebui: OpenWebUI,
        provider: Provider,
        ledger: Ledger,
        model: str,
        failure: str,
    ) -> None:
        provider.behave(model, **{"break_after": None, "delay": 0.01, failure: 9})
        path, body = (CHAT, chat(model)) if "claude" not in model else ("/api/v1/messages", chat(model, max_tokens=9))
        expected = self.try_to_read(bare_openwebui.admin, path, body)
        assert self.try_to_read(admin, path, body) == expected
        [row] = ledger.wait(1)
        assert row.outcome == "error"
        assert row.estimated
        assert row.input > 0
        assert row.output > 0

    @staticmethod
    def try_to_read(client: Client, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """What arrives before the connection breaks."""
        seen = b""
        with client.http.stream("POST", path, json=body) as response:
            try:
                for chunk in response.iter_bytes():
                    seen += chunk
            except httpx.RemoteProtocolError:
                seen += b"(broken)"
        return response.status_code, comparable(seen).replace(NULL_USAGE, b"")

    @pytest.mark.parametrize(
        ("model", "path", "stream"),
        mostly_at_night(
            itertools.product(["error-429", "error-500", "unknown"], [CHAT, OPENAI], [False, True]),
            everyday=[
                ("error-429", CHAT, True),
                ("error-429", OPENAI, False),
                ("error-500", OPENAI, True),
                ("unknown", CHAT, False),
                ("unknown", CHAT, True),
            ],
        ),
    )
    def test_refuses_is_paid_nothing(
        self,
        admin: Client,
        bare_openwebui: OpenWebUI,
        provider: Provider,
        ledger: Ledger,
        path: str,
        model: str,
        stream: bool,
    ) -> None:
        if model == "unknown":  # to the provider: it refuses a key that its API does not have
            model, body = "gpt-4o-mini", chat("gpt-4o-mini", stream=stream, no_such_key=1)
        else:
            body = chat(model, stream=stream)
        expected = answer(bare_openwebui.admin, path, body)
        assert expected[0] >= 400
        assert answer(admin, path, body) == expected
        [row] = ledger.rows()
        assert (row.model, row.outcome, row.estimated) == (model, "error", False)
        assert (row.input, row.completion, row.output) == (0, 0, 0)

    def test_refuses_in_the_page_shows_as_always(
        self, admin: Client, bare_openwebui: OpenWebUI, ledger: Ledger
    ) -> None:
        errors = []
        for client in (bare_openwebui.admin, admin):
            with client.ui() as ui:
                errors.append(ui.ask("error-429").wait().message()["error"])
        assert errors[0] == errors[1]
        assert [row.outcome for row in ledger.rows()] == ["error"]

    @pytest.mark.parametrize("model", ["silent", "silent:latest", "llama.cpp-old"])
    def test_tells_nothing_is_estimated(self, admin: Client, provider: Provider, ledger: Ledger, model: str) -> None:
        admin.stream(model)
        admin.chat(model)
        for row, call in zip(ledger.rows(), provider.ended_calls(2), strict=True):
            assert call.billed is not None
            assert row.outcome == "done"
            assert row.estimated == model.startswith("silent")  # llama.cpp tells its timings
            assert row.input > 0
            assert call.billed["output"] * 0.4 <= row.output <= call.billed["output"] * 3

    def test_is_slow_to_begin_is_waited_for(self, admin: Client, provider: Provider, ledger: Ledger) -> None:
        provider.behave("slow-start", first_byte_delay=1.5)
        admin.stream("slow-start")
        [row] = ledger.rows()
        assert row.first_token_after >= 1.5
        assert_equal([row], provider.ended_calls(1))
