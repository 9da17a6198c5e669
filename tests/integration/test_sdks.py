"""The SDKs that people use: what each tells its caller, the provider's book and the ledger say the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import anthropic
import ollama
import openai
import pytest

from tests.support.clients import Client
from tests.support.ledger import Ledger, assert_equal
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider

# Anthropic's knows when a model's days are over; the stand-in's models stay.
pytestmark = pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")

PROMPT = "Hello there, and how are you today?"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CLOCK = {"name": "get_time", "description": "The time", "parameters": {"type": "object", "properties": {}}}


class Told(NamedTuple):
    """The tokens of one call, as an SDK hands them to its caller. None: this SDK says nothing about it here."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


class Caller:
    """One user's three SDKs. They don't repeat what was refused, so that a refusal is seen as it came."""

    def __init__(self, client: Client) -> None:
        assert client.token
        self.token, self.url = client.token, client.url
        self.openai = self.openai_at("/openai")
        self.openai_chat = self.openai_at("/api")
        self.anthropic = anthropic.Anthropic(
            api_key=client.token,
            base_url=f"{client.url}/api",
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(trust_env=False),
        )
        self.ollama = ollama.Client(
            host=f"{client.url}/ollama", headers={"Authorization": f"Bearer {client.token}"}, trust_env=False
        )

    def openai_at(self, path: str) -> openai.OpenAI:
        return openai.OpenAI(
            api_key=self.token,
            base_url=self.url + path,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )

    def close(self) -> None:
        for client in (self.openai, self.openai_chat, self.anthropic):
            client.close()


@pytest.fixture
def caller(user: Client) -> Iterator[Caller]:
    caller = Caller(user)
    yield caller
    caller.close()


@pytest.fixture
def ledger(openwebui: OpenWebUI) -> Ledger:
    return Ledger(openwebui)


# --- openai


def of_chat(usage: Any) -> Told:
    return Told(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens_details.cached_tokens,
        reasoning=usage.completion_tokens_details.reasoning_tokens,
    )


def of_responses(usage: Any) -> Told:
    return Told(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details.cached_tokens,
        reasoning=usage.output_tokens_details.reasoning_tokens,
    )


def openai_chat(caller: Caller) -> list[Told]:
    both = (caller.openai, caller.openai_chat)
    return [
        of_chat(client.chat.completions.create(model=model, messages=MESSAGES).usage)
        for client in both
        for model in ("gpt-4o", "o3-mini")
    ]


def openai_chat_stream_with_usage(caller: Caller) -> list[Told]:
    told = []
    for client in (caller.openai, caller.openai_chat):
        chunks = list(
            client.chat.completions.create(
                model="o3-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
        )
        assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert chunks[-1].choices == []
        told.append(of_chat(chunks[-1].usage))
    return told


def openai_chat_stream_without_usage(caller: Caller) -> list[Told]:
    for client in (caller.openai, caller.openai_chat):
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
        assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    return [Told(), Told()]


def openai_tools(caller: Caller) -> list[Told]:
    tools: Any = [{"type": "function", "function": CLOCK}]
    chat = caller.openai.chat.completions
    first = chat.create(model="clock", messages=MESSAGES, tools=tools)
    [call] = first.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"zone": "UTC"}
    told: Any = {"role": "tool", "tool_call_id": call.id, "content": "12:00"}
    second = chat.create(model="clock", messages=[*MESSAGES, first.choices[0].message, told], tools=tools)
    assert second.choices[0].message.content
    with chat.stream(model="clock", messages=MESSAGES, tools=tools, stream_options={"include_usage": True}) as stream:
        third = stream.get_final_completion()
    assert third.choices[0].finish_reason == "tool_calls"
    return [of_chat(answer.usage) for answer in (first, second, third)]


def openai_embeddings(caller: Caller) -> list[Told]:
    told = []
    for client in (caller.openai, caller.openai_chat):
        answer = client.embeddings.create(
            model="text-embedding-3-small", input=[PROMPT, PROMPT], encoding_format="float"
        )
        assert len(answer.data) == 2
        told.append(Told(answer.usage.prompt_tokens))
    return told


def openai_responses(caller: Caller) -> list[Told]:
    answer = caller.openai.responses.create(model="gpt-5-mini", input=PROMPT, reasoning={"effort": "low"})
    assert answer.output_text
    return [of_responses(answer.usage)]


def openai_responses_stream(caller: Caller) -> list[Told]:
    with caller.openai.responses.stream(model="gpt-5-mini", input=PROMPT) as stream:
        answer = stream.get_final_response()
    assert answer.output_text
    return [of_responses(answer.usage)]


# --- anthropic

PASSED_ON, TRANSLATED = "claude-sonnet-4-5", "gpt-4o"
"""A model whose connection takes Anthropic's requests as they are, and one for which Open WebUI translates."""


def of_message(usage: Any) -> Told:
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return Told(usage.input_tokens + read + written, usage.output_tokens, read, written)


def anthropic_messages(caller: Caller) -> list[Told]:
    answers = [
        caller.anthropic.messages.create(model=model, messages=MESSAGES, max_tokens=500)
        for model in (PASSED_ON, TRANSLATED)
    ]
    return [of_message(answer.usage) for answer in answers]


def anthropic_stream(caller: Caller, model: str = PASSED_ON) -> list[Told]:
    with caller.anthropic.messages.stream(model=model, messages=MESSAGES, max_tokens=500) as stream:
        answer = stream.get_final_message()
    assert answer.stop_reason == "end_turn"
    return [of_message(answer.usage)]


def anthropic_stream_translated(caller: Caller) -> list[Told]:
    return anthropic_stream(caller, TRANSLATED)


def anthropic_tools(caller: Caller) -> list[Told]:
    tools: Any = [{"name": "get_time", "description": "The time", "input_schema": CLOCK["parameters"]}]
    ask: Any = {"model": "claude-clock", "max_tokens": 500, "tools": tools}
    first = caller.anthropic.messages.create(messages=MESSAGES, **ask)
    [call] = [block for block in first.content if block.type == "tool_use"]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "12:00"}]}
    second = caller.anthropic.messages.create(
        messages=[*MESSAGES, {"role": "assistant", "content": first.content}, result], **ask
    )
    return [of_message(first.usage), of_message(second.usage)]


# --- ollama


def of_ollama(answer: Any) -> Told:
    return Told(answer.prompt_eval_count, answer.eval_count)


def ollama_chat(caller: Caller) -> list[Told]:
    whole = caller.ollama.chat(model="llama3.2:latest", messages=MESSAGES)
    *_, last = caller.ollama.chat(model="gpt-oss:20b", messages=MESSAGES, stream=True, think="low")
    return [of_ollama(whole), of_ollama(last)]


def ollama_generate(caller: Caller) -> list[Told]:
    whole = caller.ollama.generate(model="llama3.2:latest", prompt=PROMPT)
    *_, last = caller.ollama.generate(model="llama3.2:latest", prompt=PROMPT, stream=True)
    return [of_ollama(whole), of_ollama(last)]


def ollama_embed(caller: Caller) -> list[Told]:
    answer = caller.ollama.embed(model="nomic-embed-text:latest", input=[PROMPT, PROMPT])
    assert len(answer.embeddings) == 2
    return [Told(answer.prompt_eval_count)]


USES = (
    openai_chat,
    openai_chat_stream_with_usage,
    openai_chat_stream_without_usage,
    openai_tools,
    openai_embeddings,
    openai_responses,
    openai_responses_stream,
    anthropic_messages,
    anthropic_stream,
    anthropic_stream_translated,
    anthropic_tools,
    ollama_chat,
    ollama_generate,
    ollama_embed,
)


@pytest.fixture(autouse=True)
def models_with_tools(admin: Client, provider: Provider) -> None:
    provider.behave("clock", tool="get_time", tool_arguments='{"zone": "UTC"}')
    provider.behave("claude-clock", connection="anthropic", tool="get_time", tool_arguments='{"zone": "UTC"}')
    if not {"clock", "claude-clock"} <= set(admin.models()):
        admin.models(refresh=True)


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_the_sdk_the_book_and_the_ledger_agree(
    caller: Caller, provider: Provider, ledger: Ledger, use: Callable[[Caller], list[Told]]
) -> None:
    told = use(caller)
    calls = provider.ended_calls(len(told))
    rows = ledger.wait(len(told))
    assert_equal(rows, calls)
    assert not any(row.estimated for row in rows)
    for said, call, row in zip(told, calls, rows, strict=True):
        assert call.billed
        billed = (call.billed[name] for name in ("prompt", "completion", "cached", "cache_write", "reasoning"))
        kept = (row.input, row.completion, row.cached_input, row.cache_write, row.reasoning)
        assert row.called_model == call.model
        for name, heard, owed, written in zip(Told._fields, said, billed, kept, strict=True):
            if heard is not None:
                assert (name, heard) == (name, owed) == (name, written)


# --- refusals


REFUSED: dict[str, tuple[type[Exception], Callable[[Caller], Any]]] = {
    "openai": (openai.RateLimitError, openai_chat),
    "openai stream": (openai.RateLimitError, openai_chat_stream_without_usage),
    "openai embeddings": (openai.RateLimitError, openai_embeddings),
    "openai responses": (openai.RateLimitError, openai_responses),
    "openai responses stream": (openai.RateLimitError, openai_responses_stream),
    "anthropic": (anthropic.RateLimitError, anthropic_messages),
    "anthropic stream": (anthropic.RateLimitError, anthropic_stream),
    "anthropic stream, translated": (anthropic.RateLimitError, anthropic_stream_translated),
    "anthropic, translated": (
        anthropic.RateLimitError,
        lambda caller: caller.anthropic.messages.create(model=TRANSLATED, messages=MESSAGES, max_tokens=500),
    ),
    "ollama": (ollama.ResponseError, ollama_chat),
    "ollama stream": (
        ollama.ResponseError,
        lambda caller: list(caller.ollama.chat(model="llama3.2:latest", messages=MESSAGES, stream=True)),
    ),
    "ollama generate": (ollama.ResponseError, ollama_generate),
    "ollama embed": (ollama.ResponseError, ollama_embed),
}


@pytest.mark.parametrize(("error", "use"), REFUSED.values(), ids=REFUSED.keys())
def test_a_limit_is_the_sdks_own_error(
    admin: Client, caller: Caller, provider: Provider, error: type[Exception], use: Callable[[Caller], Any]
) -> None:
    admin.add_group("all of it", ["*"], 0, period="day")
    try:
        with pytest.raises(error) as refused:
            use(caller)
    finally:
        admin.forget_definitions()
    said: Any = refused.value
    assert said.status_code == 429
    assert "Usage limit reached" in str(said)
    if error is not ollama.ResponseError:  # It keeps no headers.
        assert 0 < int(said.response.headers["retry-after"]) <= 24 * 3600
    assert provider.calls() == []


@pytest.mark.parametrize(
    ("error", "use"),
    [
        (openai.RateLimitError, lambda c: c.openai.chat.completions.create(model="error-429", messages=MESSAGES)),
        (openai.InternalServerError, lambda c: c.openai.chat.completions.create(model="error-500", messages=MESSAGES)),
    ],
    ids=["429", "500"],
)
def test_a_refusal_of_the_provider_is_the_sdks_own_error_too(
    caller: Caller, provider: Provider, ledger: Ledger, error: type[Exception], use: Callable[[Caller], Any]
) -> None:
    with pytest.raises(error, match="refuses, as told"):
        use(caller)
    assert_equal(ledger.wait(1), provider.ended_calls(1))
