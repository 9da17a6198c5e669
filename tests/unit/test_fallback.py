"""At the limit another model answers, a call waits, thinks less, or is kept short: in a host of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI, HTTPException
from starlette.responses import JSONResponse, StreamingResponse

from openwebui_usage.admission.request import CallRequest
from openwebui_usage.admission.steering import NOTHING, Steering, Wait
from openwebui_usage.host.effort import EffortPolicy
from openwebui_usage.host.models import AsyncTTLCache, HostModels, Model
from openwebui_usage.host.outer_call import stands_in, within
from openwebui_usage.host.request_state import notices_of, set_admitted
from openwebui_usage.host.wrapping import wrap_module
from openwebui_usage.ledger.rows import CallInfo
from openwebui_usage.rules.budgets import Budget, Counter, Refusal
from openwebui_usage.rules.connections import MeteringRules
from openwebui_usage.rules.effort import EffortRules
from openwebui_usage.rules.media import has_images
from openwebui_usage.rules.output_caps import capped
from openwebui_usage.rules.periods import period_at
from tests.unit.small_host import ANSWER, USER, Host, Models, NoLimits, Rules, answered, http_request

pytestmark = pytest.mark.anyio

BUDGET = Budget("b", "Great model", 100, models=("m",), action="fallback", fallback_model="small", period="day")
PICTURE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def refused_by(budget: Budget) -> Refusal:
    return Refusal(Counter(budget, budget.id, period_at(budget.period, "UTC", datetime.now(UTC))), 100, 0)


class Spent(NoLimits):
    """A gate where `BUDGET` is spent, and another limit, of other models."""

    falls_back = True
    is_limiting = True

    def __init__(self, *spent: str) -> None:
        self.spent = spent
        self.counted: list[str] = []

    def refused(self, request: CallRequest, refusal: Refusal) -> None:
        self.counted.append(refusal.counter.budget.name)

    async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal | None:
        if request.info.model == "m":
            return refused_by(BUDGET)
        return refused_by(Budget("o", "other", 1)) if request.info.model in self.spent else None


class TwoModels(HostModels):
    """The host's models, of which users may use some."""

    usable = ("m", "small")
    own: ClassVar[dict[str, dict[str, Any]]] = {}

    async def own_parameters(self, model_id: str) -> dict[str, Any]:
        return self.own.get(model_id, {})

    async def user_group_names(self, user_id: str) -> dict[str, str]:
        return {}

    async def visible_to(self, user: Any, request: Any = None) -> list[Model]:
        return [Model(id_, id_, None, False) for id_ in self.usable]

    async def base_of(self, model_id: str) -> str | None:
        return None


class Dispatching(Host):
    """A host whose chats go by its dispatch to its router."""

    def __init__(self, provider: Callable[[dict[str, Any]], Any] = answered, **options: Any) -> None:
        self.gate = options.pop("gate", None) or Spent()
        super().__init__(provider, gate=self.gate, **options)
        self.seam.running.host.models.__class__ = TwoModels  # type: ignore[union-attr]
        self.app.state.MODELS = {id_: {"id": id_, "owned_by": "openai"} for id_ in ("m", "small")}
        self.app.state.OPENAI_MODELS = {id_: {"urlIdx": 0} for id_ in ("m", "small")}
        self.chats, self.functions = ModuleType("open_webui.utils.chat"), ModuleType("open_webui.functions")

        async def generate_chat_completion(
            request: Any, form_data: dict[str, Any], user: Any, bypass_filter: bool = False
        ) -> Any:
            form_data["metadata"] = {**form_data.get("metadata", {}), "from": "the host"}
            if form_data["model"] not in self.app.state.MODELS:
                raise Exception("Model not found")
            if self.app.state.MODELS[form_data["model"]].get("pipe"):
                return await self.functions.generate_function_chat_completion(request, form_data, user=user)
            return await self.module.generate_chat_completion(request, form_data, user=user)

        self.chats.generate_chat_completion = generate_chat_completion  # type: ignore[attr-defined]
        wrap_module(self.seam, self.chats)

    async def dispatch(self, request: Any = None, **body: Any) -> Any:
        form_data = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **body}
        return await self.chats.generate_chat_completion(request or http_request(), form_data, USER)

    @property
    def models_sent(self) -> list[str]:
        return [sent["model"] for sent in self.sent]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_another_model_answers_and_the_caller_is_told(is_stream: bool) -> None:
    host = Dispatching()
    request = http_request("/api/chat/completions")
    body = {"stream": True} if is_stream else {}
    result = await host.dispatch(request, metadata={"message_id": "1"}, **body)
    assert host.models_sent == ["small"]
    assert host.sent[0]["messages"] == [{"role": "user", "content": "Hello"}], "as it was asked for"
    if is_stream:
        assert b"Hi" in b"".join([chunk async for chunk in result.body_iterator])
    else:
        assert result == ANSWER
    [row] = host.rows.rows
    assert (row.info.model, row.usage.input) == ("small", 3)
    assert notices_of(request) == {
        "X-Usage-Fallback-Model": "small",
        "X-Usage-Fallback-Budget": "Great model",
    }
    assert host.gate.counted == [], "somebody answered"
    remembered = host.seam.running.host.status_line._remembered  # type: ignore[union-attr]
    assert remembered == {"1": 'Answered by small: the usage limit "Great model" is reached'}


async def test_a_route_of_its_own_falls_back_too_and_its_answer_has_the_headers() -> None:
    host = Dispatching()
    result = await host.chat(http_request("/openai/chat/completions"))
    assert host.models_sent == ["small"]
    assert isinstance(result, JSONResponse)
    assert result.headers["X-Usage-Fallback-Model"] == "small"


def is_refused(result: Any) -> bool:
    return getattr(result, "status_code", None) == 429 and b"Great model" in result.body


async def test_who_may_not_use_the_other_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoModels, "usable", ("m",))
    host = Dispatching()
    assert is_refused(await host.dispatch())
    assert host.sent == []
    assert host.gate.counted == ["Great model"]


async def test_the_limits_of_the_other_model_hold() -> None:
    host = Dispatching(gate=Spent("small"))
    assert is_refused(await host.dispatch())
    assert is_refused(await host.chat())
    assert host.sent == []
    assert host.gate.counted == ["Great model"] * 2, "each call once, and not for the limit of the other model"


async def test_a_model_that_takes_no_images_gets_none() -> None:
    host = Dispatching()
    info = {"info": {"meta": {"capabilities": {"vision": False}}}}
    host.app.state.MODELS["small"] |= info
    assert is_refused(await host.dispatch(messages=[PICTURE]))
    assert host.sent == []
    await host.dispatch()
    assert host.models_sent == ["small"]
    host.app.state.MODELS["small"] = {"id": "small", "owned_by": "openai"}
    await host.dispatch(messages=[PICTURE])
    assert host.models_sent == ["small"] * 2, "nobody said that it takes none"


@pytest.mark.parametrize("how", ["raised", "returned"])
async def test_what_the_other_model_does_not_take_stays_refused(how: str) -> None:
    def provider(form_data: dict[str, Any]) -> Any:
        if how == "raised":
            raise HTTPException(400, "small does not support tools")
        return JSONResponse({"error": {"message": "small does not support tools"}}, 400)

    host = Dispatching(provider)
    assert is_refused(await host.dispatch(tools=[{"type": "function", "function": {"name": "f"}}]))
    assert host.models_sent == ["small"]
    assert host.gate.counted == ["Great model"]


async def test_a_fault_of_the_other_models_provider_is_told_as_it_is() -> None:
    def provider(form_data: dict[str, Any]) -> Any:
        raise HTTPException(502, "away")

    host = Dispatching(provider)
    with pytest.raises(HTTPException, match="away"):
        await host.dispatch()
    assert host.gate.counted == [], "that is an error, and has a row of its own"


async def test_nothing_falls_back_twice() -> None:
    loop = Budget("l", "loop", 1, action="fallback", fallback_model="m")

    class Circle(Spent):
        async def admit(self, call_id: str, request: CallRequest, outer: str | None = None) -> Refusal | None:
            return refused_by(BUDGET if request.info.model == "m" else loop)

    host = Dispatching(gate=Circle())
    assert is_refused(await host.dispatch())
    assert is_refused(await host.chat())


async def test_a_pipe_that_asks_for_the_refused_model_in_its_stream_is_refused_there() -> None:
    host, answers = Dispatching(), []

    async def generate_function_chat_completion(request: Any, form_data: dict[str, Any], user: Any) -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            answers.append(await host.dispatch())
            yield b"data: [DONE]\n\n"

        return StreamingResponse(chunks())

    host.functions.generate_function_chat_completion = generate_function_chat_completion  # type: ignore[attr-defined]
    wrap_module(host.seam, host.functions)
    host.app.state.MODELS["small"]["pipe"] = True
    result = await host.dispatch(stream=True)
    [chunk async for chunk in result.body_iterator]
    assert is_refused(answers[0])
    assert host.gate.counted == ["Great model"], "the pipe's own question"
    assert not stands_in(), "whoever reads the stream asks for themselves"


async def test_the_first_models_parameters_are_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"reasoning_effort": "high", "temperature": 1, "top_p": 0.5, "stream": True}
    monkeypatch.setattr(TwoModels, "own", {"m": own})
    host = Dispatching()
    await host.dispatch(reasoning_effort="high", temperature=1, top_p=0.9, stream=True)  # As the host has filled it in.
    [sent] = host.sent
    assert {key: sent[key] for key in own if key in sent} == {"top_p": 0.9, "stream": True}


async def test_options_of_ollama_are_plain_fields_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoModels, "own", {"m": {"num_ctx": 4096}})
    host = Dispatching()
    host.app.state.MODELS["m"]["owned_by"] = "ollama"
    await host.dispatch(options={"num_ctx": 4096, "temperature": 1})
    host.app.state.MODELS["small"]["owned_by"] = "ollama"
    host.seam.running.host.models._memo = AsyncTTLCache()  # type: ignore[union-attr]
    await host.dispatch(options={"num_ctx": 4096, "temperature": 1})
    first, second = host.sent
    assert ("options" in first, first["temperature"]) == (False, 1)
    assert second["options"] == {"temperature": 1}


async def test_titles_come_from_the_model_that_answered() -> None:
    host, request = Dispatching(), http_request("/api/chat/completions")
    set_admitted(request, is_admitted=True)
    await host.dispatch(request)
    await host.dispatch(request, metadata={"task": "title_generation"})
    assert host.models_sent == ["small", "small"]
    assert [row.info.task for row in host.rows.rows] == [None, "title_generation"]


async def test_titles_of_a_chat_that_was_not_refused_come_from_its_own_model() -> None:
    host, request = Dispatching(), http_request("/api/chat/completions")
    set_admitted(request, is_admitted=True)
    await host.dispatch(request, metadata={"task": "title_generation"})
    assert host.models_sent == ["m"]


async def test_another_kind_of_connection_is_reached_by_the_dispatch_alone() -> None:
    host = Dispatching()
    host.app.state.MODELS["small"]["owned_by"] = "ollama"
    assert is_refused(await host.chat(http_request("/openai/chat/completions")))
    await host.dispatch()
    assert host.models_sent == ["small"]


class Waiting(NoLimits):
    """A gate that lets calls wait."""

    def __init__(self, seconds: float) -> None:
        budget = Budget("s", "slow", 1, action="slow")
        self.wait = Wait(seconds, Counter(budget, "s", period_at("total", "UTC", datetime.now(UTC))), 1)
        self.admitted = 0

    async def steer(self, info: CallInfo) -> Steering:
        return Steering(self.wait)

    async def admit(self, *args: Any) -> None:
        self.admitted += 1


async def test_a_call_waits_before_anything_is_reserved_or_sent() -> None:
    gate = Waiting(0.2)
    host = Host(answered, gate=gate)
    request = http_request()
    asked = asyncio.create_task(host.chat(request))
    await asyncio.sleep(0.05)
    assert (gate.admitted, host.sent) == (0, [])
    assert await asked == ANSWER
    assert notices_of(request) == {"X-Usage-Waited": "0.2"}


async def test_who_goes_while_a_call_waits_costs_nothing() -> None:
    host = Host(answered, gate=Waiting(30))
    asked = asyncio.create_task(host.chat())
    await asyncio.sleep(0.05)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    request = http_request()
    request.is_disconnected = is_gone
    assert (await host.chat(request)).status_code == 499
    assert (host.sent, host.rows.rows) == ([], [])


async def is_gone() -> bool:
    return True


async def test_tasks_of_an_admitted_chat_do_not_wait() -> None:
    host = Host(answered, gate=Waiting(30))
    request = http_request()
    set_admitted(request, is_admitted=True)
    async with asyncio.timeout(5):
        assert await host.chat(request, metadata={"task": "title_generation"}) == ANSWER


async def test_a_client_that_cannot_be_looked_at_waits_no_longer() -> None:
    async def broken() -> bool:
        raise RuntimeError("no such thing")

    request = http_request()
    request.is_disconnected = broken
    assert await asyncio.wait_for(Host(answered, gate=Waiting(1.2)).chat(request), 20) == ANSWER


class Leaving(NoLimits):
    """A gate that never tells how long an answer may be."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.released: list[str] = []

    async def most_output(self, *args: Any) -> None:
        self.is_asked.set()
        await asyncio.sleep(60)

    def release(self, call_id: str) -> None:
        self.released.append(call_id)


async def test_who_goes_while_an_answer_is_measured_leaves_nothing_reserved() -> None:
    gate = Leaving()
    host = Host(answered, gate=gate)
    asked = asyncio.create_task(host.chat())
    await gate.is_asked.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert len(gate.released) == 1
    assert host.sent == []


async def test_a_pipe_whose_only_call_was_never_made_is_counted_itself() -> None:
    gate = Leaving()
    host = Host(answered, gate=gate)
    pipe = host.seam.running.meter.open_unchecked(CallRequest(CallInfo("pipe", "pipe"), {}))  # type: ignore[union-attr]

    async def run() -> None:
        with within(pipe):
            await host.chat()

    running = asyncio.create_task(run())
    await gate.is_asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    pipe.stopped()
    assert [row.info.model for row in host.rows.rows] == ["pipe"]


class Capping(NoLimits):
    """A gate that leaves little for an answer."""

    async def most_output(self, *args: Any) -> int:
        return 50


class Bounded(Models):
    """Models of which an admin bounds the answers."""

    async def own_parameters(self, model_id: str) -> dict[str, Any]:
        return {"max_tokens": 20}


class Unreadable(Models):
    """Models whose parameters cannot be read."""

    async def own_parameters(self, model_id: str) -> dict[str, Any]:
        raise RuntimeError(model_id)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, {"max_tokens": 50}),
        ({"max_tokens": 500}, {"max_tokens": 50}),
        ({"max_completion_tokens": 500}, {"max_completion_tokens": 50}),
        ({"max_tokens": 20}, {"max_tokens": 20}),
    ],
)
async def test_an_answer_is_kept_as_short_as_what_is_left(body: dict[str, Any], sent: dict[str, Any]) -> None:
    host = Host(answered, gate=Capping())
    await host.chat(**body)
    [request] = host.sent
    assert {name: value for name, value in request.items() if name.startswith("max_")} == sent


async def test_a_provider_that_takes_no_bound_is_asked_without_it_each_time() -> None:
    def provider(form_data: dict[str, Any]) -> Any:
        if "max_tokens" in form_data:
            return JSONResponse({"error": {"message": "Unsupported parameter: 'max_tokens'"}}, 400)
        return ANSWER

    host = Host(provider, gate=Capping())
    assert await host.chat() == ANSWER
    assert await host.chat() == ANSWER
    assert ["max_tokens" in sent for sent in host.sent] == [True, False] * 2
    assert host.taken_back == []


@pytest.mark.parametrize(
    ("wire", "body", "expected"),
    [
        ("ollama", {"options": {"num_predict": -1, "seed": 1}}, {"options": {"num_predict": 9, "seed": 1}}),
        ("ollama", {}, {"options": {"num_predict": 9}}),
        ("responses", {"max_output_tokens": 10}, {"max_output_tokens": 9}),
        ("anthropic", {"max_tokens": 10}, {"max_tokens": 9}),
        ("anthropic", {"max_tokens": 9}, None),
        ("chat", {"max_tokens": 5, "max_completion_tokens": 10}, {"max_tokens": 5, "max_completion_tokens": 9}),
        ("chat", {"max_completion_tokens": "10"}, {"max_completion_tokens": 9}),
        ("chat", {"max_completion_tokens": 10.0, "max_tokens": "5"}, {"max_completion_tokens": 9, "max_tokens": "5"}),
        ("chat", {"max_completion_tokens": "all", "max_tokens": 5}, {"max_completion_tokens": 9, "max_tokens": 5}),
        ("chat", {"max_completion_tokens": -1}, {"max_completion_tokens": 9, "max_tokens": 9}),
        ("chat", {"max_completion_tokens": True}, {"max_completion_tokens": 9, "max_tokens": 9}),
        ("chat", {"max_tokens": [10]}, {"max_tokens": 9}),
        ("chat", {"max_tokens": "1e400"}, {"max_tokens": 9}),
        ("chat", {"max_tokens": None}, {"max_tokens": 9}),
        ("chat", {"max_tokens": "9"}, None),
        ("responses", {"max_output_tokens": 0}, {"max_output_tokens": 9}),
        ("ollama", {"options": {"num_predict": "10"}}, {"options": {"num_predict": 9}}),
        ("ollama", {"options": None}, {"options": {"num_predict": 9}}),
    ],
)
def test_each_provider_has_its_own_field(wire: Any, body: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert capped(body, wire, 9) == expected


@pytest.mark.parametrize(
    ("wire", "body", "own", "expected"),
    [
        ("chat", {}, {"max_tokens": 5}, {"max_tokens": 5}),
        ("chat", {}, {"max_tokens": 20}, {"max_tokens": 9}),
        ("chat", {}, {"max_completion_tokens": 20}, {"max_completion_tokens": 9}),
        ("chat", {"max_tokens": 7}, {"max_tokens": 5}, None),
        ("chat", {}, {"max_tokens": None, "temperature": 1}, {"max_tokens": 9}),
        ("ollama", {}, {"max_tokens": 5}, {"options": {"num_predict": 5}}),
        ("ollama", {}, {"num_predict": 20}, {"options": {"num_predict": 9}}),
        ("responses", {}, {"max_tokens": 5}, {"max_output_tokens": 9}),
    ],
)
def test_what_bounds_a_models_answers_anyway_is_not_raised(
    wire: Any, body: dict[str, Any], own: dict[str, Any], expected: Any
) -> None:
    assert capped(body, wire, 9, own) == expected


def test_a_models_own_bound_is_left_to_the_host_where_much_is_left() -> None:
    assert capped({}, "chat", 100_000, {"max_tokens": 5}) is None
    assert capped({}, "chat", 100_000, {"max_tokens": 200_000}) == {"max_tokens": 100_000}


async def test_a_models_own_bound_holds_where_more_is_left() -> None:
    host = Host(answered, gate=Capping(), models=Bounded(FastAPI()))
    await host.chat()
    assert host.sent[0]["max_tokens"] == 20


async def test_an_answer_is_capped_where_nobody_knows_the_models_parameters() -> None:
    host = Host(answered, gate=Capping(), models=Unreadable(FastAPI()))
    await host.chat()
    assert host.sent[0]["max_tokens"] == 50
    assert host.faults["The parameters of a model are not known"] == 1


def test_a_bound_is_never_below_one_and_none_is_set_that_models_refuse() -> None:
    assert capped({}, "chat", -5) == {"max_tokens": 1}
    assert capped({}, "chat", 100_000) is None
    assert capped({"max_tokens": 200_000}, "chat", 100_000) == {"max_tokens": 100_000}
    assert capped({"max_tokens": "200000"}, "chat", 100_000) == {"max_tokens": 100_000}
    assert capped({"max_tokens": -1}, "chat", 100_000) is None


class LowEffort(NoLimits):
    """A gate that wants models to think less."""

    async def steer(self, info: CallInfo) -> Steering:
        return Steering(low_effort=True)


class EffortValves(Rules):
    """Valves with reasoning models."""

    async def effort_rules(self) -> EffortRules:
        return EffortRules(reasoning_models="o3*")

    async def of_user(self, *args: Any) -> dict[str, Any]:
        return {}


class Parameters:
    """Models without parameters of their own."""

    async def has_own_effort(self, model_id: str) -> bool:
        return False

    async def own_parameters(self, model_id: str) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        ("o3", {}, {"reasoning_effort": "low"}),
        ("o3", {"reasoning_effort": "high"}, {"reasoning_effort": "low"}),
        ("o3", {"reasoning_effort": "minimal"}, {"reasoning_effort": "minimal"}),
        ("o3", {"reasoning": {"effort": "high"}}, {"reasoning_effort": "low"}),
        ("gpt-4o", {}, {}),
    ],
)
async def test_models_that_take_an_effort_think_less(
    model: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    valves = EffortValves(MeteringRules())
    policy = EffortPolicy(Parameters(), valves)  # type: ignore[arg-type]
    host = Host(answered, gate=LowEffort(), valves=valves, effort_policy=policy)
    host.app.state.MODELS[model] = {"id": model}
    await host.chat(model=model, **body)
    [sent] = host.sent
    assert {name: value for name, value in sent.items() if name.startswith("reasoning")} == expected
    assert host.faults == {}


async def test_less_effort_is_taken_back_where_the_provider_refuses_it() -> None:
    def provider(form_data: dict[str, Any]) -> Any:
        if form_data.get("reasoning_effort") == "low":
            return JSONResponse({"error": {"message": "reasoning_effort: low is not supported"}}, 400)
        return ANSWER

    valves = EffortValves(MeteringRules())
    policy = EffortPolicy(Parameters(), valves)  # type: ignore[arg-type]
    host = Host(provider, gate=LowEffort(), valves=valves, effort_policy=policy)
    assert await host.chat(model="o3") == ANSWER
    assert [sent.get("reasoning_effort") for sent in host.sent] == ["low", None]


def test_images_are_seen_wherever_they_are() -> None:
    assert has_images({"messages": [PICTURE]})
    assert has_images({"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]})
    assert has_images({"input": [{"role": "user", "content": [{"type": "input_image"}]}]})
    assert not has_images({"messages": [{"role": "user", "content": [{"type": "text", "text": "image"}]}]})


async def test_nothing_changes_where_no_budget_wants_it() -> None:
    assert Steering(None, False) == NOTHING
    host = Dispatching(gate=NoLimits())
    assert b"Hi" in b"".join([chunk async for chunk in (await host.dispatch(stream=True)).body_iterator])
    assert host.models_sent == ["m"]
