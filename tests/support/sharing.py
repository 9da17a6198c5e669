"""In which order tests run, and which of them belong together where several processes share a run (pytest-xdist)."""

from __future__ import annotations

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

ROOMS = ("unit", "integration", "browser")
LOADS_THE_MACHINE = ("test_workers", "test_parallel_limits", "test_kill", "test_never_lost", "test_many_sockets")
"""Files whose tests run many processes, or many calls at once, against the clock: never two of them side by side."""
TAKES_LONG = (
    "test_politeness",
    "test_install",
    "test_faults",
    "test_client",
    "test_streams_live",
    "test_pages",
    "test_client_page",
)
OF_A_PAGE = ("test_counter_and_effort", "test_looks")
"""Files whose tests need nothing but the deployment that each process has. Handed out one by one, they come last."""


def place(node: str) -> tuple[int, int]:
    """Where a test stands, by its node id.

    Quick tests come first, and the browser's last: Playwright keeps an event loop in its thread until the end. Among
    the others those that take long go ahead, and what can be shared test by test waits, so that no process is left
    alone at the end.
    """
    stem = PurePath(node.split("::")[0]).stem
    room = next((number for number, name in enumerate(ROOMS) if is_of_room(node, name)), 0)
    turns = (
        stem in LOADS_THE_MACHINE,
        stem in TAKES_LONG,
        stem not in OF_A_PAGE and not on_patched_build(node),
        on_patched_build(node),
    )
    return room, next((number for number, is_now in enumerate(turns) if is_now), len(turns))


def is_of_room(node: str, room: str) -> bool:
    """Whether a test is one of `unit`, or whatever of `ROOMS`."""
    return room in PurePath(node.split("::")[0]).parts


def group(node: str) -> str:
    """One process takes all tests of a group, by their node ids: mostly a file, whose tests may share a deployment."""
    path = PurePath(node.split("::")[0])
    if path.stem in LOADS_THE_MACHINE:
        return "loads the machine"
    if on_patched_build(node):
        return "patched build"
    return node if path.stem in OF_A_PAGE else str(path)


def on_patched_build(node: str) -> bool:
    """Whether a test looks at the front end that was built from patched source: its last parameter says so."""
    return node.endswith("patched]")


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out group after group, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
