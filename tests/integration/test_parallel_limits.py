"""200 calls at once against a budget for 50: what is overspent. `test_workers.py` tries the same on several workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from openwebui_usage.admission.counters import SHARE
from openwebui_usage.admission.redis_counters import RESERVATION_MS
from tests.support.clients import Client
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.services import Redis

MESSAGES = [{"role": "user", "content": "Hello there"}]
CALLS, ADMITTED, EACH = 200, 50, 20
"""What each call uses, in tokens: 10 in, 10 out."""
LIMIT = ADMITTED * EACH
MOST_FOR_ALL = LIMIT + EACH
"""The last call that is admitted may find one token of room, and takes all that it needs."""


@pytest.fixture
def report(artefacts: Path) -> Callable[[str], None]:
    def write(line: str) -> None:
        print(f"\n{line}")
        with (artefacts / "parallel-limits.txt").open("a") as file:
            file.write(f"{line}\n")

    return write


def _have_all_workers_know(server: OpenWebUI, model: str) -> None:
    """Without Redis each worker has a list of models of its own, and answers 400 for what is not on it."""
    known = 0
    while known < 12 * server.workers:
        client = Client(server.url, server.admin.token)  # A connection of its own, to any worker.
        if model in client.models():
            known += 1
        else:
            known = 0
            client.models(refresh=True)
        client.close()


def storm(server: OpenWebUI, provider: Provider, *, prompt: int, max_tokens: int = 10) -> tuple[list[int], int]:
    """The answers' statuses, and the tokens that the provider billed. `prompt` is what it counts."""
    provider.behave("bounded", prompt=prompt, visible=10, chunks=5, delay=0.1)
    _have_all_workers_know(server, "bounded")
    if "bounded" not in server.admin.usage_groups():
        server.admin.add_group("bounded", ["bounded"], LIMIT)
    server.admin.request("POST", "/api/usage/groups/bounded/reset")
    body = {"model": "bounded", "messages": MESSAGES, "max_tokens": max_tokens}

    async def play() -> list[int]:
        async with server.admin.asynchronous() as client:
            posts = (client.post("/api/chat/completions", json=body) for _ in range(CALLS))
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    before = len(provider.calls("bounded"))
    answers = asyncio.run(play())
    calls = provider.ended_calls(1, model="bounded")[before:]
    assert set(answers) <= {200, 429}
    assert answers.count(200) == len(calls), "a call that was refused was sent, or the other way round"
    used = sum(call.billed["prompt"] + call.billed["output"] for call in calls if call.billed)
    total = lambda: server.admin.usage_groups()["bounded"]["usage"]["total"]  # noqa: E731
    wait_until(lambda: total() == used, timeout=5, what="the ledger knows all", details=lambda: f"{total()} of {used}")
    return answers, used


def primed(server: OpenWebUI, provider: Provider, report: Callable[[str], None], label: str) -> None:
    """Short answers first, then many at once that nobody limits and that are five times the limit each."""
    limit, long = 4_000, 20_000
    provider.behave("primed", prompt=6, visible=4, chunks=1)
    server.admin.models(refresh=True)
    server.admin.add_group("primed", ["primed"], limit)
    body = {"model": "primed", "messages": MESSAGES}
    for _ in range(12):
        assert server.admin.post("/api/chat/completions", json=body).status_code == 200
    provider.behave("primed", prompt=6, visible=long, chunks=5, delay=0.1)

    async def play() -> list[int]:
        async with server.admin.asynchronous() as client:
            posts = (client.post("/api/chat/completions", json=body) for _ in range(CALLS))
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    answers = asyncio.run(play())
    calls = provider.ended_calls(1, model="primed")
    used = sum(call.billed["prompt"] + call.billed["output"] for call in calls if call.billed)
    report(
        f"{label}, 12 short calls and then {CALLS} of {long} tokens: {answers.count(200)} admitted, "
        f"{used} of {limit} tokens used"
    )
    assert 1 <= answers.count(200) <= SHARE, "of what is left, each holds a share"
    assert server.admin.post("/api/chat/completions", json=body).status_code == 429


def line(label: str, answers: list[int], used: int) -> str:
    return (
        f"{label}: {answers.count(200)} of {CALLS} calls admitted, {used} of {LIMIT} tokens used, "
        f"overspent by {max(0, used - LIMIT)} ({max(0, used - LIMIT) / LIMIT:.0%})"
    )


def right_and_wrong(server: OpenWebUI, provider: Provider, report: Callable[[str], None], label: str) -> None:
    """Reserved rightly next to nothing is overspent; reserved wrongly, as much as each call was wrong."""
    expected = 4 + 2  # Of the prompt's own tokens, by our estimate.
    answers, used = storm(server, provider, prompt=expected + 4)
    report(line(f"{label}, estimates right to 4 tokens", answers, used))
    assert LIMIT - EACH < used <= MOST_FOR_ALL + 4 * answers.count(200)
    answers, used = storm(server, provider, prompt=expected + 24)
    report(line(f"{label}, each call 24 tokens more than expected", answers, used))
    most_admitted = -(-LIMIT // (expected + 10))
    assert answers.count(200) <= most_admitted, "bounded by what was reserved, not by the number of calls"
    assert used <= LIMIT + (expected + 24 + 10) + 24 * most_admitted
    assert (
        server.admin.post("/api/chat/completions", json={"model": "bounded", "messages": MESSAGES}).status_code == 429
    )


def exceptions(server: OpenWebUI, provider: Provider, report: Callable[[str], None], label: str) -> None:
    """Four people call at once, each with another limit by one budget: of the month, and of a window that moves."""
    admin = server.admin
    provider.behave("allowed", prompt=10, visible=10, chunks=5, delay=0.1)
    admin.models(refresh=True)
    limits = {"other": 10, "colleague": 45, "researcher": 30, "intern": 2}
    people = {name: admin.add_user() for name in limits}
    groups = {}
    for group, member in (("research", "researcher"), ("interns", "intern")):
        groups[group] = admin.request("POST", "/api/v1/groups/create", {"name": group, "description": ""})["id"]
        admin.request("POST", f"/api/v1/groups/id/{groups[group]}/users/add", {"user_ids": [people[member].id]})
    budget = {
        "name": "allowance",
        "scope": {"kind": "each_user"},
        "models": ["allowed"],
        "unit": "requests",
        "limit": 10,
        "overrides": [
            {"user": people["colleague"].id, "limit": 45},
            {"user_group": groups["research"], "limit": 30},
            {"user_group": groups["interns"], "limit": 2},
            {"role": "admin", "limit": None},
        ],
    }
    body = {"model": "allowed", "messages": MESSAGES, "max_tokens": 10}

    async def admitted(client: Client) -> int:
        async with client.asynchronous() as http:
            posts = (http.post("/api/chat/completions", json=body) for _ in range(CALLS // len(limits)))
            answers = [answer.status_code for answer in await asyncio.gather(*posts)]
        assert set(answers) <= {200, 429}
        return answers.count(200)

    async def play() -> list[int]:
        return await asyncio.gather(*map(admitted, people.values()))

    for period in ("month", "last 5 hours"):
        admin.request("POST", "/api/usage/budgets", {**budget, "period": period})
        admin.request("POST", "/api/usage/budgets/allowance/reset")
        found = dict(zip(limits, asyncio.run(play()), strict=True))
        over = {name: found[name] - limit for name, limit in limits.items()}
        report(f"{label}, {CALLS} calls of four people, {period}: {found} admitted of {limits}, overspent by {over}")
        assert found == limits
        assert admin.post("/api/chat/completions", json=body).status_code == 200, "admins have no limit"
        refused = people["intern"].post("/api/chat/completions", json=body)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 5
        admin.request("DELETE", "/api/usage/budgets/allowance")
    for client in people.values():
        client.close()


def a_minute(server: OpenWebUI, provider: Provider, report: Callable[[str], None], label: str) -> None:
    """However long it takes: no minute ever holds more calls than the limit. A row's time is a moment before that at
    which the call was admitted, so less than a minute is looked at.
    """
    limit, admin = 60, server.admin
    provider.behave("paced", prompt=10, visible=10, chunks=1)
    _have_all_workers_know(server, "paced")
    person = admin.add_user()
    scope = {"kind": "user", "id": person.id}
    form = {"name": "pace", "scope": scope, "models": ["paced"], "unit": "requests", "limit": limit}
    admin.request("POST", "/api/usage/budgets", {**form, "period": "minute"})
    body = {"model": "paced", "messages": MESSAGES, "max_tokens": 10}

    async def play() -> list[httpx.Response]:
        async with person.asynchronous() as client:
            posts = (client.post("/api/chat/completions", json=body) for _ in range(CALLS))
            return await asyncio.gather(*posts)

    answers = asyncio.run(play())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(0 < int(answer.headers["Retry-After"]) <= 61 for answer in refused)
    calls = admin.request("GET", f"/api/usage/calls?user={person.id}&limit={CALLS}")["calls"]
    began = sorted(datetime.fromisoformat(call["started_at"]).timestamp() for call in calls)
    assert len(began) == CALLS - len(refused)
    most = max(sum(start <= moment < start + 50 for moment in began) for start in began)
    report(f"{label}, {CALLS} calls, {limit} a minute: at most {most} within one, overspent by {max(0, most - limit)}")
    assert len(refused) > 0
    assert most == limit
    admin.request("DELETE", "/api/usage/budgets/pace")
    person.close()


@pytest.fixture(scope="module")
def one_worker(new_openwebui: Callable[..., OpenWebUI]) -> Iterator[OpenWebUI]:
    server = new_openwebui()
    try:
        yield server.start()
    finally:
        server.discard()


def test_of_one_worker(one_worker: OpenWebUI, provider: Provider, report: Callable[[str], None]) -> None:
    right_and_wrong(one_worker, provider, report, "1 worker, SQLite")


def test_exceptions_on_one_worker(one_worker: OpenWebUI, provider: Provider, report: Callable[[str], None]) -> None:
    exceptions(one_worker, provider, report, "1 worker, SQLite")


def test_primed_on_one_worker(one_worker: OpenWebUI, provider: Provider, report: Callable[[str], None]) -> None:
    primed(one_worker, provider, report, "1 worker, SQLite")


def test_what_a_worker_held_that_was_killed_is_free_again_soon(
    start_openwebui: Callable[..., OpenWebUI], provider: Provider, redis: Redis
) -> None:
    server = start_openwebui(redis_url=redis.url)
    server.admin.add_group("held", ["slow"], 1000)
    provider.behave("slow", chunks=1000, delay=0.1)
    body = {"model": "slow", "messages": MESSAGES, "max_tokens": 1000}

    def status() -> int:
        return server.admin.post("/api/chat/completions", json={**body, "max_tokens": 1}).status_code

    with server.admin.streaming("slow", max_tokens=1000) as answer:
        chunks = answer.iter_bytes()  # The connection ends with it.
        next(chunks)
        assert status() == 429
        server.kill9()
    provider.behave("slow", chunks=1, delay=0)
    [holds] = redis.client.keys("*{usage}:holds:*")
    assert redis.client.hlen(holds) == 1, "nobody was left to give it back"
    [ends] = redis.client.keys("*{usage}:ends:*")
    [(_, ends_at)] = redis.client.zrange(ends, 0, -1, withscores=True)
    assert 0 < ends_at / 1000 - time.time() <= RESERVATION_MS / 1000
    server.start()
    wait_until(lambda: status() == 200, timeout=RESERVATION_MS / 1000 + 5, what="its reservation has ended", every=0.5)
