"""What the plugin costs a deployment, beside the bare host, in one run on one machine.

    tests/run --bench host
    tests/run --bench host --beside ../older-checkout --pairs 3

Three Open WebUI processes ask the same stand-in provider in turn: one bare, one with the plugin and one with the
plugin that leaves Python's garbage collector alone. There is a group with a limit, so that every call is admitted and
counted. Where one call is in flight they take turns call by call, so that whatever else the machine does meets all,
and the median of the differences means something. Several such rounds of processes, one after the other: two bare
processes of the same environment may differ by half a millisecond a call, for as long as they live. With `--beside`
the plugin of another checkout takes part, too. Prints tables in Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.benchmarks.asker import Asker
from tests.support.host import HostEnvironment, build_wheel
from tests.support.openwebui import OpenWebUI
from tests.support.provider import Provider

SHORT, LONG = "bench-short", "bench-long"
PAIRS, ROUNDS = 6, 8
BARE, PLUGIN, UNFROZEN, BESIDE = (
    "bare",
    "the plugin",
    "the plugin, OPENWEBUI_USAGE_GC_FREEZE=false",
    "the other checkout",
)
DISK_WRITES, DISK_BYTES = 200, 20_000
CALLS_ALONE, CALLS_TOGETHER, STREAMS, MEMORY_CALLS = 16, 200, 2, 10_000


@dataclass
class Measured:
    """Seconds of single calls, in the order of asking; calls per second, and CPU seconds of a call, of each round.

    Of all processes of one kind, one after the other.
    """

    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    streams: list[float] = field(default_factory=list)
    """Streams whose client asked for usage, as the calls above did."""
    hidden: list[float] = field(default_factory=list)
    """The same where it did not: the plugin asks for it, and takes it out again."""
    work: list[float] = field(default_factory=list)


def main() -> None:
    """Start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how often the processes are started")
    parser.add_argument("--beside", type=Path, help="another checkout of the plugin")
    parser.add_argument("--memory-calls", type=int, default=MEMORY_CALLS, help="0: don't measure memory")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider = Provider(folder / "provider.log")
        stack.callback(provider.stop)
        provider.wait()
        provider.behave(SHORT, chunks=12)
        provider.behave(LONG, chunks=3000, burst=50)
        hosts = _hosts(folder, given.beside)
        measured = {name: Measured() for name in hosts}
        for number in range(given.pairs):
            # Who starts first has other luck with the machine: they take turns.
            order = list(hosts) if number % 2 == 0 else list(reversed(hosts))
            with ExitStack() as pair:
                servers = {}
                for name in order:
                    files = folder / f"{list(hosts).index(name)}-{number}"
                    env = {"OPENWEBUI_USAGE_GC_FREEZE": "false"} if name == UNFROZEN else None
                    servers[name] = OpenWebUI(
                        hosts[name], files, provider_url=provider.url, log=files.with_suffix(".log"), env=env
                    )
                    pair.callback(servers[name].stop)
                    servers[name].start()
                    servers[name].admin.models(refresh=True)
                    if name != BARE:
                        servers[name].admin.add_group("bench", ["bench-*"], 10**15)
                askers = {name: (Asker(servers[name], 1), Asker(servers[name], 50)) for name in hosts}
                _measure(servers, askers, measured)
                if number == given.pairs - 1:
                    for name in hosts:
                        if name != BARE:
                            _print_table(measured[BARE], measured[name], name, given.pairs)
                    _print_disk(folder)
                    if given.memory_calls:
                        _print_memory(servers, askers, given.memory_calls)


def _hosts(folder: Path, beside: Path | None) -> dict[str, HostEnvironment]:
    bare = HostEnvironment.cached()
    hosts = {BARE: bare, PLUGIN: bare.overlay(folder / "environment")}
    hosts[PLUGIN].install(build_wheel(folder))
    hosts[UNFROZEN] = hosts[PLUGIN]
    if beside is not None:
        hosts[BESIDE] = bare.overlay(folder / "environment-beside")
        (folder / "beside").mkdir()
        hosts[BESIDE].install(build_wheel(folder / "beside", beside.resolve()))
    return hosts


def _measure(
    servers: dict[str, OpenWebUI], askers: dict[str, tuple[Asker, Asker]], measured: dict[str, Measured]
) -> None:
    for model, calls in ((SHORT, 30), (LONG, 2)):  # Warm up.
        for alone, together in askers.values():
            asyncio.run(alone.ask(model, calls))
            asyncio.run(together.ask(SHORT, 100))
    for number in range(ROUNDS):  # In turn, so that a drift of the machine's speed meets both.
        order = list(askers.items()) if number % 2 == 0 else list(reversed(askers.items()))
        for _ in range(CALLS_ALONE):
            for name, (alone, _) in order:
                measured[name].alone += asyncio.run(alone.ask(SHORT, 1))[0]
        for name, (_, together) in order:
            worked = _cpu_seconds(servers[name].pid)
            spans, rate = asyncio.run(together.ask(SHORT, CALLS_TOGETHER))
            measured[name].together += spans
            measured[name].rates.append(rate)
            measured[name].work.append((_cpu_seconds(servers[name].pid) - worked) / CALLS_TOGETHER)
        for _ in range(STREAMS):
            for name, (alone, _) in order:
                measured[name].streams += asyncio.run(alone.ask(LONG, 1))[0]
                measured[name].hidden += asyncio.run(alone.ask(LONG, 1, asks_for_usage=False))[0]


def _print_table(bare: Measured, plugin: Measured, name: str, pairs: int) -> None:
    print(f"\n| what | bare | {name} | difference |")
    print("|---|---|---|---|")
    for label, read in (("1 call in flight", lambda m: m.alone), ("50 calls in flight", lambda m: m.together)):
        for figure, of in (("median", statistics.median), ("p99", _p99)):
            b, p = of(read(bare)), of(read(plugin))
            print(f"| {label}, {figure} | {b * 1000:.1f} ms | {p * 1000:.1f} ms | {(p - b) * 1000:+.2f} ms |")
        if label.startswith("1 "):
            _print_differences(label, read(bare), read(plugin), pairs)
    b, p = statistics.median(bare.rates), statistics.median(plugin.rates)
    print(f"| calls per second at 50 in flight | {b:.0f} | {p:.0f} | × {p / b:.3f} |")
    _print_quotients("calls per second at 50 in flight", bare.rates, plugin.rates, pairs)
    b, p = statistics.median(bare.work), statistics.median(plugin.work)
    print(f"| CPU time of a call at 50 in flight | {b * 1000:.1f} ms | {p * 1000:.1f} ms | × {p / b:.3f} |")
    for label, read in (
        ("a stream of 3,000 chunks", lambda m: m.streams),
        ("the same, usage not asked for", lambda m: m.hidden),
    ):
        b, p = statistics.median(read(bare)), statistics.median(read(plugin))
        print(f"| {label}, median | {b * 1000:.1f} ms | {p * 1000:.1f} ms | × {p / b:.3f} |")
        _print_differences(label, read(bare), read(plugin), pairs)


def _print_disk(folder: Path) -> None:
    """What one durable write takes at least, on the disk of the ledgers: a call waits for that, whoever makes it.

    Also at the pace of calls that are asked in turn: a machine that sleeps in between takes its time to wake.
    """
    print("\n| what | figure |\n|---|---|")
    for label, pause in (("one after the other", 0.0), ("one every 14 ms", 0.014)):
        spans = []
        with (folder / "disk").open("wb", buffering=0) as file:
            file.write(bytes(DISK_WRITES * DISK_BYTES))
            os.fsync(file.fileno())
            file.seek(0)  # Like SQLite's log, which is written over from its beginning.
            for _ in range(DISK_WRITES):
                time.sleep(pause)
                started = time.perf_counter()
                file.write(bytes(DISK_BYTES))
                os.fdatasync(file.fileno())
                spans.append(time.perf_counter() - started)
        median = statistics.median(spans) * 1000
        print(f"| write and fdatasync of {DISK_BYTES // 1000} kB, {label} | {median:.2f} ms |")


def _print_memory(servers: dict[str, OpenWebUI], askers: dict[str, tuple[Asker, Asker]], calls: int) -> None:
    grown: dict[str, float] = {}
    for name, (_, together) in askers.items():
        asyncio.run(together.ask(SHORT, 1000))
        before = _megabytes(servers[name].pid)
        asyncio.run(together.ask(SHORT, calls))
        grown[name] = _megabytes(servers[name].pid) - before
    for name, more in grown.items():
        print(f"| memory after {calls:,} more calls, {name} | {more:+.1f} MB |")


def _print_differences(label: str, bare: list[float], plugin: list[float], pairs: int) -> None:
    """Call by call: their median, and those of the single pairs."""
    more = [(p - b) * 1000 for b, p in zip(bare, plugin, strict=True)]
    each = len(more) // pairs
    medians = sorted(statistics.median(more[start : start + each]) for start in range(0, len(more), each))
    spread = f"{medians[0]:+.2f} to {medians[-1]:+.2f} ms"
    print(f"| {label}, median of the differences ({pairs} pairs: {spread}) | | | {statistics.median(more):+.2f} ms |")


def _print_quotients(label: str, bare: list[float], plugin: list[float], pairs: int) -> None:
    """Round by round: their median, and those of the single pairs."""
    times = [p / b for b, p in zip(bare, plugin, strict=True)]
    medians = sorted(statistics.median(times[start : start + ROUNDS]) for start in range(0, len(times), ROUNDS))
    spread = f"× {medians[0]:.3f} to × {medians[-1]:.3f}"
    print(f"| {label}, median of the quotients ({pairs} pairs: {spread}) | | | × {statistics.median(times):.3f} |")


def _megabytes(pid: int) -> float:
    return sum(part.memory_info().rss for part in _processes(pid)) / 1e6


def _cpu_seconds(pid: int) -> float:
    return sum(sum(part.cpu_times()[:2]) for part in _processes(pid))


def _processes(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


if __name__ == "__main__":
    main()
