"""Whether anything grows in a deployment that is used for long: memory, handles, threads, tasks, the ledger's tables.

    tests/run --bench soak --minutes 60 --rate 20
    tests/run --bench soak --minutes 40 --rate 10 --bare

Calls come at a steady rate: streams, whole answers, streams that their reader leaves, answers that are refused or
break off; meanwhile pages connect and go. With `--bare` Open WebUI without the plugin lives through the same beside it,
so that one sees which growth is whose. Every half a minute all is measured. Prints tables in Markdown; asserts nothing.
What ends it early (Ctrl-C) still prints what was measured by then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from websockets.exceptions import WebSocketException

from tests.support.clients import Client
from tests.support.host import HostEnvironment, build_wheel
from tests.support.openwebui import OpenWebUI
from tests.support.page_socket import Page
from tests.support.process import wait_until
from tests.support.provider import Provider

MINUTES, RATE, EVERY = 60.0, 20.0, 30.0
USERS, PAGES, MOST_IN_FLIGHT = 10, 10, 200
STAYS = (5.0, 40.0)
"""Seconds that a page is open before it connects anew."""
WARM_UP = 0.25
"""The part of the time that the slopes leave out: caches fill, pools of threads and connections reach their size."""
ROWS_SHOWN = 10

PROBE = '''
"""
title: Probe
"""
import asyncio
import gc
import json


class Pipe:
    async def pipe(self, body: dict) -> str:
        return json.dumps({"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects()) + gc.get_freeze_count()})
'''
"""A function of Open WebUI that tells from inside what cannot be seen from outside, on the bare host, too."""


@dataclass(frozen=True)
class Kind:
    """One way to call: how often of 100 calls, and what the client sees of it."""

    share: int
    model: str
    stream: bool = True
    leaves_after: int | None = None
    """Lines of the answer."""


KINDS = {
    "streams": Kind(62, "soak-plain"),
    "whole answers": Kind(15, "soak-plain", stream=False),
    "streams that the reader leaves": Kind(10, "soak-slow", leaves_after=6),
    "refused by the provider": Kind(5, "soak-refused"),
    "an error within the stream": Kind(4, "soak-error"),
    "a stream that breaks off": Kind(4, "soak-broken"),
}


@dataclass
class Sample:
    """A deployment at one moment. Sizes are megabytes, times milliseconds."""

    minute: float
    calls: int
    memory: float
    handles: int
    threads: int
    tasks: int
    objects: int
    stream: float
    """The median of the streams since the last sample."""
    rows: int = 0
    tables: float = 0.0
    indexes: float = 0.0


COLUMNS: dict[str, tuple[str, int]] = {
    "memory": ("memory, MB", 0),
    "objects": ("Python objects", 0),
    "handles": ("handles", 0),
    "threads": ("threads", 0),
    "tasks": ("tasks", 0),
    "stream": ("a stream, ms", 0),
    "tables": ("tables, MB", 1),
    "indexes": ("indexes, MB", 1),
}
"""What is shown of a sample, and with how many decimals."""
OF_THE_LEDGER = ("tables", "indexes")


@dataclass
class Subject:
    """A deployment under load, and what was seen of it."""

    name: str
    server: OpenWebUI
    has_ledger: bool
    users: list[Client] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    probed: int = 0
    left_out: int = 0
    """Calls that were due while `MOST_IN_FLIGHT` others had no end yet."""
    pages: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls by kind and by how they ended for the client."""
    recent: list[float] = field(default_factory=list)
    """Seconds of the streams since the last sample."""

    def prepare(self) -> None:
        admin = self.server.admin
        admin.add_function("probe", PROBE, everywhere=False)
        admin.models(refresh=True)
        self.users = [admin.add_user() for _ in range(USERS)]
        if self.has_ledger:
            admin.add_group("soak", ["soak-*"], 10**15)
            scope = {"kind": "each_user"}
            budget = {"name": "each", "scope": scope, "models": ["soak-*"], "unit": "tokens", "period": "day"}
            admin.request("POST", "/api/usage/budgets", {**budget, "limit": 10**12})

    def sample(self, minute: float) -> Sample:
        """Measure it; a call of the probe is among what is counted."""
        answer = self.server.admin.chat("probe")
        self.probed += 1
        inside = json.loads(answer["choices"][0]["message"]["content"])
        process = psutil.Process(self.server.pid)
        processes = [process, *process.children(recursive=True)]
        recent, self.recent = self.recent, []
        rows, tables, indexes = self._ledger() if self.has_ledger else (0, 0.0, 0.0)
        taken = Sample(
            minute=minute,
            calls=self.sent,
            memory=sum(part.memory_info().rss for part in processes) / 1e6,
            handles=sum(part.num_fds() for part in processes),
            threads=sum(part.num_threads() for part in processes),
            tasks=inside["tasks"],
            objects=inside["objects"],
            stream=statistics.median(recent or [0.0]) * 1000,
            rows=rows,
            tables=tables,
            indexes=indexes,
        )
        self.samples.append(taken)
        return taken

    def rows(self) -> int:
        return self._ledger()[0]

    def _ledger(self) -> tuple[int, float, float]:
        """Calls, and the megabytes of all tables and of all indexes."""
        url = f"file:{self.server.ledger_file}?mode=ro"
        with closing(sqlite3.connect(url, uri=True, timeout=30)) as connection:
            [rows] = connection.execute("SELECT COUNT(*) FROM usage_call").fetchone()
            sizes = dict(
                connection.execute(
                    "SELECT type, SUM(pgsize) FROM dbstat('main', 1) JOIN sqlite_schema USING (name) GROUP BY type"
                ).fetchall()
            )
        return rows, sizes.get("table", 0) / 1e6, sizes.get("index", 0) / 1e6


async def load(subject: Subject, rate: float, until: float, chance: random.Random) -> None:
    """Call at `rate` a second, whatever the answers take, until `time.monotonic()` is `until`."""
    kinds = list(KINDS)
    shares = [kind.share for kind in KINDS.values()]
    running: set[asyncio.Task[None]] = set()
    started = time.monotonic()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=subject.server.url, limits=limits, timeout=120, trust_env=False) as client:
        for number in itertools.count():
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            if time.monotonic() >= until:
                break
            if len(running) >= MOST_IN_FLIGHT:
                subject.left_out += 1
                continue
            [name] = chance.choices(kinds, shares)
            task = asyncio.create_task(_call(subject, client, name, chance.choice(subject.users)))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)


async def _call(subject: Subject, client: httpx.AsyncClient, name: str, user: Client) -> None:
    kind = KINDS[name]
    body = {
        "model": kind.model,
        "stream": kind.stream,
        "messages": [{"role": "user", "content": "Tell me something that lasts."}],
    }
    headers = {"Authorization": f"Bearer {user.token}"}
    started = time.monotonic()
    subject.sent += 1
    end = "to its end"
    try:
        async with client.stream("POST", "/api/chat/completions", json=body, headers=headers) as answer:
            lines = 0
            async for _ in answer.aiter_lines():
                lines += 1
                if lines == kind.leaves_after:
                    end = "left"
                    break
        if answer.is_error:
            end = f"HTTP {answer.status_code}"
    except httpx.HTTPError as error:
        end = type(error).__name__
    subject.ended[name, end] += 1
    if name == "streams" and end == "to its end":
        subject.recent.append(time.monotonic() - started)


async def come_and_go(subject: Subject, user: Client, until: float, chance: random.Random) -> None:
    """A page that is opened, looked at, and opened again."""
    while (left := until - time.monotonic()) > 0:
        try:
            async with AsyncExitStack() as stack:
                await Page(user).open(stack)
                subject.pages["opened"] += 1
                await asyncio.sleep(min(left, chance.uniform(*STAYS)))
        except (OSError, TimeoutError, WebSocketException) as error:
            subject.pages[type(error).__name__] += 1
            await asyncio.sleep(1)


async def watch(subjects: list[Subject], provider: Provider, started: float, until: float) -> None:
    """Take samples, from a thread: the calls go on meanwhile."""
    for number in itertools.count():
        due = min(started + number * EVERY, until)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        for subject in subjects:
            try:
                taken = await asyncio.to_thread(subject.sample, (time.monotonic() - started) / 60)
            except (AssertionError, httpx.HTTPError) as error:  # One sample less, but those that there are.
                print(f"{subject.name}: not measured, {error}", flush=True)
            else:
                print(f"{subject.name}: {taken}", flush=True)
        await asyncio.to_thread(provider.forget_calls)  # Or the stand-in's memory grows.
        if due >= until:
            return


async def soak(subjects: list[Subject], provider: Provider, minutes: float, rate: float) -> None:
    chance = random.Random(1)
    started = time.monotonic()
    until = started + minutes * 60
    async with asyncio.TaskGroup() as group:
        for subject in subjects:
            group.create_task(load(subject, rate, until, random.Random(1)))
            for number in range(PAGES):
                user = subject.users[number % len(subject.users)]
                group.create_task(come_and_go(subject, user, until, chance))
        group.create_task(watch(subjects, provider, started, until))


def slope(samples: list[Sample], name: str) -> float:
    """How much more in an hour, by the line that fits best, once the deployment is warm."""
    first = samples[-1].minute * WARM_UP
    warm = [sample for sample in samples if sample.minute >= first]
    hours = [sample.minute / 60 for sample in warm]
    return statistics.linear_regression(hours, [getattr(sample, name) for sample in warm]).slope


def print_tables(subject: Subject) -> None:
    columns = {name: told for name, told in COLUMNS.items() if subject.has_ledger or name not in OF_THE_LEDGER}
    samples = subject.samples
    print(f"\n| {subject.name}: minute | calls | {' | '.join(title for title, _ in columns.values())} |")
    print("|---|---|" + "---|" * len(columns))
    step = max(1, (len(samples) - 1) // ROWS_SHOWN)
    for sample in samples[:-1:step] + samples[-1:]:
        cells = (f"{getattr(sample, name):,.{decimals}f}" for name, (_, decimals) in columns.items())
        print(f"| {sample.minute:.0f} | {sample.calls:,} | {' | '.join(cells)} |")
    if len(samples) >= 8:
        cells = (f"{slope(samples, name):+,.{decimals}f}" for name, (_, decimals) in columns.items())
        print(f"| **per hour, after the first quarter** | | {' | '.join(cells)} |")
    print(f"\n{subject.sent:,} calls, {subject.left_out:,} left out; pages: {dict(subject.pages)}")
    for (name, end), count in sorted(subject.ended.items()):
        print(f"- {name}, {end}: {count:,}")
    if subject.has_ledger:
        last = samples[-1]
        bytes_each = (last.tables + last.indexes) * 1e6 / max(1, last.rows)
        owed = subject.sent + subject.probed
        with contextlib.suppress(AssertionError):  # A stream that was left is settled once the provider has noticed.
            wait_until(lambda: subject.rows() >= owed, timeout=15, what="all calls are in the ledger", every=1)
        print(f"- rows in the ledger: {subject.rows():,} of {owed:,} calls, the probe's included")
        print(f"- {bytes_each:,.0f} bytes a call, with its indexes and sums")


def main() -> None:
    """Start, soak, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second, of each deployment")
    parser.add_argument("--bare", action="store_true", help="Open WebUI without the plugin, too, at the same time")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = Provider(folder / "provider.log")
        stack.callback(provider.stop)
        provider.wait()
        provider.behave("soak-plain", chunks=12)
        provider.behave("soak-slow", chunks=60, delay=0.05)
        provider.behave("soak-refused", status=500)
        provider.behave("soak-error", error_after=5)
        provider.behave("soak-broken", break_after=5)
        bare = HostEnvironment.cached()
        plugin = bare.overlay(folder / "environment")
        plugin.install(build_wheel(folder))
        hosts = {"with the plugin": plugin, **({"bare Open WebUI": bare} if given.bare else {})}
        subjects = []
        for number, (name, host) in enumerate(hosts.items()):
            server = OpenWebUI(host, folder / str(number), provider_url=provider.url, log=folder / f"{number}.log")
            stack.callback(server.stop)
            server.start()
            subjects.append(Subject(name, server, has_ledger=host is plugin))
            subjects[-1].prepare()
        try:
            asyncio.run(soak(subjects, provider, given.minutes, given.rate))
        except KeyboardInterrupt:
            print("ended early")
        finally:
            for subject in subjects:
                print_tables(subject)


if __name__ == "__main__":
    main()
