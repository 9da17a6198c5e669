"""What budgets do at their limits in the token client: calls wait, or models think less."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from openwebui_usage.client import chat
from openwebui_usage.client.accounts import Accounts
from openwebui_usage.client.chat import ChatService, ChatTurn
from openwebui_usage.client.errors import ApiError
from openwebui_usage.client.tokens import TokenHasher
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.schema import usage_refusal
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.effort import Effort
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings
from tests.support.recorder import engine_like_open_webui
from tests.support.tables import give_tables

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}}
Turn = Callable[[Effort], ChatTurn]


class Recorded(Provider):
    """Answers at once, and keeps what it was asked."""

    def __init__(self, model: str) -> None:
        super().__init__(Upstream(model, "http://127.0.0.1:1"), 1.0)
        self.asked: list[dict[str, Any]] = []

    async def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(dict(body))
        return {"choices": [{"message": {"content": "Hi"}}], "usage": USAGE}


async def is_there() -> bool:
    return False


async def is_gone() -> bool:
    return True


def play(
    tmp_path: Path,
    model: str,
    budget: Budget,
    scenario: Callable[[ChatService, Turn, Recorded], Awaitable[None]],
    gone: Callable[[], Awaitable[bool]] = is_there,
) -> int:
    """Returns how many refusals were counted."""
    engine = engine_like_open_webui(f"sqlite:///{tmp_path}/usage.db")
    give_tables(engine)
    store, accounts, provider = Store(engine), Accounts(engine, TokenHasher(b"secret")), Recorded(model)
    account = accounts.create("Ann")[0].account
    store.create_budget(budget)

    def turn(effort: Effort) -> ChatTurn:
        return ChatTurn(account, "127.0.0.1", "/chat", [{"role": "user", "content": "Hello"}], effort, gone)

    async def run() -> None:
        runtime = Runtime(store, tmp_path / "spool", Settings())
        async with runtime:
            await scenario(ChatService(runtime, accounts, provider), turn, provider)

    asyncio.run(run())
    with engine.connect() as connection:
        refused: int = connection.execute(select(func.coalesce(func.sum(usage_refusal.c.calls), 0))).scalar_one()
    engine.dispose()
    return refused


def test_calls_wait_before_anything_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_LOOK", 0.1)
    slow = Budget("", "slow", 1, unit="requests", scope=Scope("each_user"), action="slow", slow_up_to=1)

    async def scenario(service: ChatService, turn: Turn, provider: Recorded) -> None:
        loop = asyncio.get_running_loop()
        await service.answer(turn("high"))
        began = loop.time()
        await service.answer(turn("high"))
        assert loop.time() - began >= 1, "one second at the limit"
        assert len(provider.asked) == 2

    play(tmp_path, "o3", slow, scenario)


def test_nobody_is_asked_for_who_has_gone_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_LOOK", 0.01)
    slow = Budget("", "slow", 0, unit="requests", scope=Scope("each_user"), action="slow", slow_up_to=300)

    async def scenario(service: ChatService, turn: Turn, provider: Recorded) -> None:
        for ask in (service.answer, service.stream):
            with pytest.raises(ApiError) as refused:
                await ask(turn("high"))
            assert refused.value.status == 499
        assert provider.asked == []

    play(tmp_path, "o3", slow, scenario, is_gone)


@pytest.mark.parametrize(("model", "efforts"), [("o3", ["high", "low"]), ("gpt-5.2-pro", ["high", "high"])])
def test_models_that_can_think_less(tmp_path: Path, model: str, efforts: list[str]) -> None:
    budget = Budget("", "effort", 2, unit="requests", scope=Scope("each_user"), action="effort", effort_from=50)

    async def scenario(service: ChatService, turn: Turn, provider: Recorded) -> None:
        for _ in efforts:
            await service.answer(turn("high"))
        assert [body.get("reasoning_effort") for body in provider.asked] == efforts

    play(tmp_path, model, budget, scenario)


def test_a_model_to_fall_back_on_is_none_here_and_the_refusal_is_counted(tmp_path: Path) -> None:
    budget = Budget(
        "", "other", 0, unit="requests", scope=Scope("each_user"), action="fallback", fallback_model="small"
    )

    async def scenario(service: ChatService, turn: Turn, provider: Recorded) -> None:
        with pytest.raises(ApiError, match="other") as refused:
            await service.answer(turn("high"))
        assert refused.value.status == 429
        assert provider.asked == []

    assert play(tmp_path, "o3", budget, scenario) == 1
