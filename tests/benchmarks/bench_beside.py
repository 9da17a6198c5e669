"""This plugin beside what people would take in its place, in one run on one machine.

    tests/run --bench beside
    tests/run --bench beside --only "this plugin" "a counting filter" --rounds 1

Each of `tests.benchmarks.peers` is an Open WebUI of its own, with one way to count and to limit calls, set up from PyPI
where it is no part of this repository. All ask the same stand-in provider in turn, through the same calls of the same
client; what the provider billed, by its own book, is what each should have counted. Prints tables in Markdown; asserts
nothing. What one of them cannot do is told in its cell, and why below the table.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.asker import Asker
from tests.benchmarks.peers import PEERS, Peer, Terms
from tests.support.clients import Client
from tests.support.process import wait_until
from tests.support.provider import Provider
from tests.support.ui import TASKS

SHORT, LONG, SLOW, BOUNDED = "beside-short", "beside-long", "beside-slow", "bounded"
ROUNDS = 3
CALLS_ALONE, CALLS_TOGETHER, STREAMS, AT_ONCE = 20, 200, 2, 50
LONG_CHUNKS, SLOW_CHUNKS, SLOW_DELAY = 3000, 10, 0.1
CALLS_FOR_THE_BUDGET, CALLS_AGAINST_IT = 50, 100
PROMPT = "Tell me in a few words what the difference between a budget and a limit is, and which of the two I need here."
EACH_WAY, CHATS, STOPPED = 20, 5, 10
PATIENCE = 180.0
"""Seconds for an answer: the machine may be busy."""
SETTLED_AFTER = 2.0
"""Seconds in which a count has not changed any more."""


@dataclass
class Measured:
    """Seconds of calls, in the order of asking, and calls a second; texts for the cells of the second table."""

    alone: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    streams: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    counted: dict[str, str] = field(default_factory=dict)
    overspent: str = ""
    failures: list[str] = field(default_factory=list)


# --- ways to call: each is done with a model of its own, so that its tokens can be told from the others'


def streams(user: Client, model: str) -> None:
    for _ in range(EACH_WAY):
        user.stream(model, PROMPT)


def streams_with_usage(user: Client, model: str) -> None:
    for _ in range(EACH_WAY):
        user.stream(model, PROMPT, stream_options={"include_usage": True})


def whole_answers(user: Client, model: str) -> None:
    for _ in range(EACH_WAY):
        user.chat(model, PROMPT)


def chats(user: Client, model: str) -> None:
    with user.ui() as page:
        for _ in range(CHATS):
            page.ask(model, PROMPT).wait()


def chats_with_tasks(user: Client, model: str) -> None:
    with user.ui() as page:
        for _ in range(CHATS):
            page.ask(model, PROMPT, tasks=TASKS).wait()


def chats_with_tools(user: Client, model: str) -> None:
    with user.ui() as page:
        for _ in range(CHATS):
            page.ask(model, PROMPT).wait()


def streams_that_are_left(user: Client, model: str) -> None:
    for _ in range(STOPPED):
        with user.streaming(model, PROMPT) as answer:
            lines = answer.iter_lines()
            for _ in range(20):
                next(lines, None)


def chats_that_are_stopped(user: Client, model: str) -> None:
    with user.ui() as page:
        for _ in range(STOPPED):
            turn = page.ask(model, PROMPT).wait_for_text()
            time.sleep(0.3)
            turn.stop()


@dataclass(frozen=True)
class Way:
    label: str
    call: Callable[[Client, str], None]
    model: str
    calls: int
    """How many the provider sees where all is done."""


WAYS = (
    Way("streams of the API", streams, "beside-streams", EACH_WAY),
    Way("streams of the API that ask for usage", streams_with_usage, "beside-asked", EACH_WAY),
    Way("whole answers of the API", whole_answers, "beside-whole", EACH_WAY),
    Way("chats in the page", chats, "beside-chats", CHATS),
    Way("chats with title, tags and follow-ups", chats_with_tasks, "beside-tasks", CHATS * (1 + len(TASKS))),
    Way("chats with a tool call", chats_with_tools, "beside-tools", CHATS * 2),
    Way("streams that the client leaves", streams_that_are_left, "beside-left", STOPPED),
    Way("chats that are stopped", chats_that_are_stopped, "beside-stopped", STOPPED),
)
MODELS = (SHORT, LONG, SLOW, *(way.model for way in WAYS))


def prepare(provider: Provider) -> int:
    """Tell the stand-in how its models answer; returns the tokens that a call of the model with the budget uses."""
    provider.behave(SHORT, chunks=12, strict=False)
    provider.behave(LONG, chunks=LONG_CHUNKS, burst=50, strict=False)
    provider.behave(SLOW, chunks=SLOW_CHUNKS, delay=SLOW_DELAY, strict=False)
    for way in WAYS:
        provider.behave(way.model, chunks=12, strict=False)
    provider.behave("beside-tools", tool="get_current_timestamp", strict=False)
    for model in ("beside-left", "beside-stopped"):
        provider.behave(model, chunks=100, delay=0.03, strict=False)
    provider.behave(BOUNDED, visible=10, chunks=5, delay=0.1, strict=False)
    asked = {"model": BOUNDED, "messages": [{"role": "user", "content": PROMPT}]}
    usage = provider.post("/openai/v1/chat/completions", asked).json()["usage"]
    return int(usage["total_tokens"])


def start(kind: type[Peer], terms: Terms) -> Peer | None:
    """Set one up. None where that fails: the others can be measured nevertheless."""
    began = time.monotonic()
    try:
        peer = kind(terms)
        peer.start()
    except Exception as error:  # noqa: BLE001 - whatever an installation of somebody else's may do
        print(f"{kind.name}: not set up: {error}", flush=True)
        return None
    print(f"{kind.name}: set up in {time.monotonic() - began:.0f} s", flush=True)
    return peer


# --- speed


def measure_speed(peers: Sequence[Peer], measured: dict[str, Measured], rounds: int) -> None:
    askers = {peer.name: (peer, Asker(peer.server, 1), Asker(peer.server, AT_ONCE)) for peer in peers}
    for peer, alone, together in askers.values():  # Warm up.
        asyncio.run(alone.ask(peer.model(SHORT), 30))
        asyncio.run(together.ask(peer.model(SHORT), 100))
        asyncio.run(alone.ask(peer.model(LONG), 1))
    for number in range(rounds):  # In turn, so that a drift of the machine's speed meets all.
        order = list(askers.items()) if number % 2 == 0 else list(reversed(askers.items()))
        for _ in range(CALLS_ALONE):
            for name, (peer, alone, _) in order:
                measured[name].alone += asyncio.run(alone.ask(peer.model(SHORT), 1))[0]
        for name, (peer, _, together) in order:
            worked = _cpu_seconds(peer)
            measured[name].rates.append(asyncio.run(together.ask(peer.model(SHORT), CALLS_TOGETHER))[1])
            measured[name].work.append((_cpu_seconds(peer) - worked) / CALLS_TOGETHER)
        for _ in range(STREAMS):
            for name, (peer, alone, _) in order:
                measured[name].streams += asyncio.run(alone.ask(peer.model(LONG), 1))[0]
    for name, (peer, _, together) in askers.items():
        started = time.monotonic()
        try:
            asyncio.run(together.ask(peer.model(SLOW), AT_ONCE))
        except RuntimeError as error:
            measured[name].failures.append(f"{AT_ONCE} slow streams at once: {str(error).splitlines()[0]}")
        else:
            measured[name].slow.append(time.monotonic() - started)


def _cpu_seconds(peer: Peer) -> float:
    found = [psutil.Process(pid) for pid in peer.processes()]
    every = {part.pid: part for each in found for part in (each, *each.children(recursive=True))}
    return sum(sum(part.cpu_times()[:2]) for part in every.values())


# --- counting


def measure_counting(peer: Peer, provider: Provider, measured: Measured) -> None:
    user = peer.server.admin.add_user()
    user.http.timeout = PATIENCE
    for way in WAYS:
        provider.forget_calls()
        try:
            way.call(user, peer.model(way.model))
            calls = provider.ended_calls(1, model=way.model, timeout=30)
        except Exception as error:  # noqa: BLE001 - what one cannot do is a result, too
            measured.counted[way.label] = "failed"
            measured.failures.append(f"{way.label}: {type(error).__name__}: {str(error)[:300]}")
            continue
        billed = sum(call.billed["prompt"] + call.billed["output"] for call in calls if call.billed)
        counted = _settled(peer, way.model)
        missing = "" if len(calls) >= way.calls else f" (of {len(calls)} calls)"
        measured.counted[way.label] = f"{counted / billed:.3f}{missing}" if billed else "nothing billed"
    user.close()


def _settled(peer: Peer, model: str) -> int:
    """What it has counted, once that has not changed for `SETTLED_AFTER` seconds."""
    last, since = peer.counted(model), time.monotonic()

    def has_settled() -> bool:
        nonlocal last, since
        now = peer.counted(model)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= SETTLED_AFTER

    wait_until(has_settled, timeout=30, what="the count has settled", every=0.2)
    return last


# --- limits


def measure_overspend(peer: Peer, provider: Provider, measured: Measured, budget: int) -> None:
    """`CALLS_AGAINST_IT` streams at once against a budget for `CALLS_FOR_THE_BUDGET`."""
    provider.forget_calls()
    body = {
        "model": peer.model(BOUNDED),
        "stream": True,
        "max_tokens": 10,
        "messages": [{"role": "user", "content": PROMPT}],
    }

    async def ask(client: httpx.AsyncClient) -> None:
        async with client.stream("POST", "/api/chat/completions", json=body) as answer:
            async for _ in answer.aiter_bytes():
                pass

    async def play() -> list[BaseException | None]:
        async with peer.server.admin.asynchronous(timeout=300) as client:
            return await asyncio.gather(*(ask(client) for _ in range(CALLS_AGAINST_IT)), return_exceptions=True)

    failed = [answer for answer in asyncio.run(play()) if answer is not None]
    calls = provider.ended_calls(1, model=BOUNDED, timeout=60)
    used = sum(call.billed["prompt"] + call.billed["output"] for call in calls if call.billed)
    over = max(0, used - budget) / budget
    measured.overspent = f"{len(calls)} calls, {over:.0%} overspent"
    if failed:
        measured.failures.append(f"{len(failed)} of {CALLS_AGAINST_IT} calls at once: {failed[0]!r}")


# --- tables


def print_tables(peers: Sequence[Peer], measured: dict[str, Measured], budget: int) -> None:
    bare = measured[peers[0].name]
    names = [peer.name for peer in peers]

    def row(label: str, cell: Callable[[Measured], str]) -> None:
        print(f"| {label} | {' | '.join(cell(measured[name]) for name in names)} |")

    def median(values: list[float], form: str, factor: float = 1.0) -> str:
        return format(statistics.median(values) * factor, form) if values else "–"

    def more(one: Measured) -> str:
        if len(one.alone) != len(bare.alone) or not one.alone:
            return "–"
        return f"{statistics.median(p - b for b, p in zip(bare.alone, one.alone, strict=True)) * 1000:+.1f} ms"

    heading = "|".join(
        f" {name}{' ' + peer.version() if peer.version() else ''} " for name, peer in zip(names, peers, strict=True)
    )
    print(f"\n| speed |{heading}|")
    print("|---|" + "---|" * len(peers))
    row("a call alone, median", lambda one: f"{median(one.alone, '.1f', 1000)} ms")
    row(f"the same, median of the differences to {names[0]}", more)
    row(f"calls a second, {AT_ONCE} in flight", lambda one: f"{median(one.rates, '.0f')}")
    row("CPU time of a call then", lambda one: f"{median(one.work, '.1f', 1000)} ms")
    row(f"a stream of {LONG_CHUNKS:,} chunks, median", lambda one: f"{median(one.streams, '.0f', 1000)} ms")
    row(
        f"{AT_ONCE} streams at once that take the provider {SLOW_CHUNKS * SLOW_DELAY:.0f} s each, until the last ends",
        lambda one: f"{median(one.slow, '.1f')} s",
    )
    print(f"\n| tokens counted ÷ tokens billed |{heading}|")
    print("|---|" + "---|" * len(peers))
    for way in WAYS:
        row(f"{way.label} ({way.calls} calls)", lambda one, way=way: one.counted.get(way.label, ""))  # type: ignore[misc]
    print(f"\n| limits |{heading}|")
    print("|---|" + "---|" * len(peers))
    row(
        f"{CALLS_AGAINST_IT} calls at once, a budget for {CALLS_FOR_THE_BUDGET} ({budget:,} tokens): sent on",
        lambda one: one.overspent,
    )
    for name in names:
        for failure in measured[name].failures:
            print(f"\n- {name}: {failure}")


def main() -> None:
    """Set up, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", help="names of those that take part beside the bare host")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = Provider(folder / "provider.log")
        stack.callback(provider.stop)
        provider.wait()
        budget = prepare(provider) * CALLS_FOR_THE_BUDGET
        terms = Terms(folder, provider.url, MODELS, BOUNDED, budget)
        kinds = [kind for kind in PEERS if not given.only or kind.name in (PEERS[0].name, *given.only)]
        # All at once: a start is mostly imports. The threads stay: a process ends with the thread that started it.
        starters = stack.enter_context(ThreadPoolExecutor(len(kinds)))
        started = starters.map(lambda kind: start(kind, terms), kinds)
        peers = [peer for peer in started if peer is not None]
        for peer in peers:
            stack.callback(peer.stop)
        measured = {peer.name: Measured() for peer in peers}
        try:
            for peer in peers:
                measure_counting(peer, provider, measured[peer.name])
                print(f"{peer.name}: {measured[peer.name].counted}", flush=True)
            measure_speed(peers, measured, given.rounds)
            for peer in peers:  # At the end: some refuse every model once a budget is used up.
                measure_overspend(peer, provider, measured[peer.name], budget)
        finally:  # Whatever there is by then.
            print_tables(peers, measured, budget)


if __name__ == "__main__":
    main()
