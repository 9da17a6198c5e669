"""What is remembered of the host's answers, and how often it is asked."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from openwebui_usage.host import models
from openwebui_usage.host.models import AsyncTTLCache, HostModels

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Host:
    """Answers with how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.fault: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return self.asked


async def test_many_at_once_ask_once() -> None:
    memo, host = AsyncTTLCache(), Host()
    waiting = [asyncio.create_task(memo.get("key", host.ask)) for _ in range(50)]
    await asyncio.sleep(0)
    host.may_answer.set()
    assert await asyncio.gather(*waiting) == [1] * 50
    assert await memo.get("key", host.ask) == 1


async def test_another_key_or_a_later_time_asks_again() -> None:
    memo, host = AsyncTTLCache(), Host()
    host.may_answer.set()
    assert await memo.get("key", host.ask, seconds=0) == 1
    assert await memo.get("key", host.ask) == 2
    assert await memo.get("other", host.ask) == 3
    assert await memo.get("key", host.ask) == 2


async def test_who_asked_first_may_go_away() -> None:
    memo, host = AsyncTTLCache(), Host()
    first, second = (asyncio.create_task(memo.get("key", host.ask)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    host.may_answer.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_is_for_all_who_wait_and_is_not_remembered() -> None:
    memo, host = AsyncTTLCache(), Host()
    host.fault = OSError("away")
    waiting = [asyncio.create_task(memo.get("key", host.ask)) for _ in range(3)]
    await asyncio.sleep(0)
    host.may_answer.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    host.fault = None
    assert await memo.get("key", host.ask) == 2


async def test_a_host_that_answers_at_once_is_asked_as_well() -> None:
    assert await AsyncTTLCache().get("key", lambda: "sync") == "sync"


async def test_what_callers_choose_takes_little_room() -> None:
    memo = AsyncTTLCache()
    for number in range(10_000):
        await memo.get(("base", f"model-{number}"), lambda: None)
    assert len(memo) <= 4096
    for number in range(20):
        await memo.get(("base", "x" * 2_000_000 + str(number)), lambda: None)
    kept = sum(len(part) for key in memo._answers for part in key)
    assert kept < 1_000_000


async def test_what_is_too_old_is_dropped() -> None:
    memo = AsyncTTLCache()
    for number in range(100):
        await memo.get(number, lambda: None, seconds=0)
    await memo.get("another", lambda: None)
    assert len(memo) == 1


async def test_long_keys_are_told_apart() -> None:
    memo = AsyncTTLCache()
    for ending in "ab":
        assert await memo.get("x" * 1000 + ending, lambda ending=ending: ending) == ending


async def test_a_user_group_has_one_name_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members are asked for one by one: who was asked for before the renaming is told the new name as well."""
    group = {"g": "Sales"}

    async def of_member(user_id: str) -> dict[str, str]:
        return {**group, user_id: "Own"}

    monkeypatch.setattr(models, "_groups_of", of_member)
    host = HostModels(FastAPI())
    assert await host.remembered_user_group_names("ada") == {"g": "Sales", "ada": "Own"}
    group["g"] = "Marketing"
    assert await host.remembered_user_group_names("ada") == {"g": "Sales", "ada": "Own"}
    assert await host.remembered_user_group_names("bob") == {"g": "Marketing", "bob": "Own"}
    assert await host.remembered_user_group_names("ada") == {"g": "Marketing", "ada": "Own"}
