"""A deployment as it may live: used without the plugin, then with it, both upgraded, a step back, and out again.

The plugin's previous version is 0.1.0. It was made for newer versions of Open WebUI than the oldest that is served now,
but counts and lets an admin see groups there, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import belongings
from tests.hosts.doctor import examine
from tests.hosts.world import furnish, sign_in
from tests.support.clients import PASSWORD, Client, text
from tests.support.earlier import earlier_code
from tests.support.forks import OF_OPEN_WEBUI, ForkServer
from tests.support.host import HostEnvironment, build_wheel
from tests.support.ledger import Ledger, Row, assert_equal
from tests.support.matrix import NEWEST_VARIABLE
from tests.support.openwebui import QUIET, OpenWebUI
from tests.support.process import wait_until
from tests.support.provider import Call, Provider

BANNER = {"id": "1", "type": "info", "title": "", "content": "Be kind", "dismissible": True, "timestamp": 1}
MODELS = ("gpt-4o", "gpt-4o-mini", "o3-mini")


@dataclass
class Deployment:
    """One data directory, and the Open WebUI that runs on it for a while."""

    directory: Path
    provider: Provider
    new_log: Callable[[str], Path]
    forks: ForkServer
    """Of the version of Open WebUI that it is on: its starts are many."""
    email: str = ""
    """Of a user."""

    @contextmanager
    def running(self, host: HostEnvironment, name: str) -> Iterator[OpenWebUI]:
        """Started, and ended the polite way."""
        server = OpenWebUI(
            host,
            self.directory,
            provider_url=self.provider.url,
            log=self.new_log(f"life-{name}"),
            env={"ENABLE_API_KEY": "true"},  # 0.6.18 has another name for it.
            forks=self.forks,
        )
        try:
            server.start(timeout=840)
            yield server
            server.stop()
        finally:
            server.discard()

    def user(self, server: OpenWebUI) -> Client:
        return server.sign_in(self.email, PASSWORD)

    @property
    def database(self) -> Path:
        """Open WebUI's own."""
        return self.directory / "data" / "webui.db"

    def belongings(self, known: dict[str, str]) -> dict[str, Any]:
        """What of it is Open WebUI's; `known` is its schema before an upgrade."""
        return {
            "schema": belongings.schema(self.database),
            "rows": belongings.rows(self.database, known),
            "files": belongings.files(self.directory / "data"),
            "static files": belongings.files(self.directory / "static"),
        }


@pytest.fixture
def newest_forks(
    fork_server: ForkServer, bare_host: HostEnvironment, new_log: Callable[[str], Path]
) -> Iterator[ForkServer]:
    """Of the newest Open WebUI."""
    if newest().prefix == bare_host.prefix:
        yield fork_server
        return
    server = ForkServer(newest(), OF_OPEN_WEBUI, QUIET, new_log("forkserver-newest"))
    server.start()
    yield server
    server.stop()


@pytest.mark.cell("A life with the plugin, from used data to uninstall")
@pytest.mark.timeout(2400)
def test_nothing_is_lost_on_the_way_and_nothing_is_left(
    bare_host: HostEnvironment,
    wheel: Path,
    provider: Provider,
    fork_server: ForkServer,
    newest_forks: ForkServer,
    new_log: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    previous = build_wheel(tmp_path / "previous", earlier_code(tmp_path / "earlier"))
    life = Deployment(tmp_path / "life", provider, new_log, fork_server)
    # The same data, in an Open WebUI that never has the plugin.
    control = Deployment(tmp_path / "control", provider, new_log, newest_forks)

    host = bare_host.overlay(tmp_path / "env")
    files_of_host = belongings.files(host.prefix)
    with life.running(host, "without") as server:
        life.email = control.email = use(server, provider.url)
    schema = belongings.schema(life.database)
    shutil.copytree(life.directory, control.directory)
    with control.running(newest(), "control") as server:
        assert answers(control.user(server))
    provider.reset()

    host.install(previous)
    with life.running(host, "previous") as server:
        admin, user = server.admin, life.user(server)
        admin.add_group("everything", ["*"], 10_000_000)
        scope = {"kind": "user", "id": user.id}
        budget = {"name": "theirs", "scope": scope, "unit": "requests", "limit": 1000, "period": "month"}
        admin.request("POST", "/api/usage/budgets", budget)
        called = call_all(user)
        assert_counted(server, provider)
        before = standing(admin)

    change_plugin(host, wheel)
    with life.running(host, "this") as server:
        assert standing(server.admin) == before
        assert server.admin.request("GET", "/api/usage/budgets")["budgets"][0].items() >= budget.items()
        wait_until_reports_know_all(server)
        examine(server, "gpt-4o-mini")
        called += call_all(life.user(server))
        assert_counted(server, provider)
        before = standing(server.admin)

    if newest().prefix != bare_host.prefix:
        life.forks = newest_forks
        host = newest().overlay(tmp_path / "newest")
        files_of_host = belongings.files(host.prefix)
        host.install(wheel)
        with life.running(host, "newest") as server:
            assert standing(server.admin) == before
            examine(server, "gpt-4o-mini")
            called += call_all(life.user(server))
            assert_counted(server, provider)

    change_plugin(host, previous)
    with life.running(host, "a-step-back") as server:
        rows = len(Ledger(server).all())
        called += call_all(life.user(server))
        [warning] = warnings(server)
        assert "counted later" in warning
        assert waiting(server) == len(provider.ended_calls(1)) - rows > 0
        assert len(Ledger(server).all()) == rows

    change_plugin(host, wheel)
    with life.running(host, "this-again") as server:
        wait_until(lambda: waiting(server) == 0, timeout=60, what="the spool is empty", details=server.process.log_tail)
        assert_counted(server, provider)
        [mine] = life.user(server).request("GET", "/api/usage/me")["budgets"]
        assert (mine["name"], mine["used"]) == ("theirs", called)
        wait_until_reports_know_all(server)
        examine(server, "gpt-4o-mini")
        called += call_all(life.user(server))
        assert_counted(server, provider)
    assert "All sums are what their rows say" in command(server, "ledger", "check", "--open-webui")

    said = command(server, "uninstall", "--purge", "--yes")
    assert "usage_metering" in said
    assert "The plugin is removed." in said
    assert belongings.files(host.prefix) == files_of_host
    with life.running(host, "without-again") as server:
        assert answers(life.user(server))
        assert "openwebui_usage" not in server.log_text()
        assert "json" not in server.admin.get("/api/usage/groups").headers["content-type"]
    left, own = life.belongings(schema), control.belongings(schema)
    for what in own:
        assert left[what] == own[what], what


def newest() -> HostEnvironment:
    """The newest Open WebUI, bare."""
    return HostEnvironment(Path(os.environ[NEWEST_VARIABLE]))


def use(server: OpenWebUI, provider_url: str) -> str:
    """What an Open WebUI has that was used: people, a chat, models, functions, a tool, settings. The user's email."""
    admin = sign_in(server)
    furnish(server.admin, provider_url, server.host)
    admin.request("POST", "/api/v1/configs/banners", {"banners": [BANNER]})
    user = admin.add_user("ada")
    asked = {"id": "1", "parentId": None, "childrenIds": ["2"], "role": "user", "content": "Hello there"}
    reply = {"id": "2", "parentId": "1", "childrenIds": [], "role": "assistant", "content": answers(user)}
    history = {"currentId": "2", "messages": {"1": asked, "2": reply}}
    chat = {"title": "The first chat", "models": ["gpt-4o"], "history": history, "messages": [asked, reply]}
    user.request("POST", "/api/v1/chats/new", {"chat": chat})
    return str(user.user["email"])


def answers(user: Client) -> str:
    """What a model says to somebody."""
    return str(user.chat("gpt-4o")["choices"][0]["message"]["content"])


def call_all(user: Client) -> int:
    """Call each model as a whole and as a stream; returns how many calls those are."""
    for model in MODELS:
        assert user.chat(model)["choices"]
        assert text(user.stream(model))
    return 2 * len(MODELS)


def change_plugin(host: HostEnvironment, wheel: Path) -> None:
    """Another build takes the place of the one that is there, whatever its version says."""
    host.pip("install", "--quiet", "--force-reinstall", "--no-deps", wheel)
    host.install(wheel)  # What else it needs.


def command(server: OpenWebUI, *arguments: str) -> str:
    """Run `openwebui-usage` beside the server, in its environment; returns what it said."""
    done = subprocess.run(
        [server.host.prefix / "bin" / "openwebui-usage", *arguments],
        env=server.env,
        cwd=server.data.parent,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def standing(admin: Client) -> dict[str, Any]:
    """The groups, as each version tells them."""
    return {
        name: (group["models"], group["limit"], [group["usage"][kind] for kind in ("in", "out", "total")])
        for name, group in admin.usage_groups().items()
    }


def assert_counted(server: OpenWebUI, provider: Provider) -> None:
    """Each call since the plugin came is in the ledger, once, by the provider's own bill; the group has their sum."""
    calls: list[Call] = provider.ended_calls(1)
    rows: list[Row] = []

    def all_are_there() -> bool:
        rows[:] = Ledger(server).all()
        return len(rows) >= len(calls)

    wait_until(all_are_there, timeout=30, what=f"{len(calls)} calls are in the ledger", details=server.process.log_tail)
    assert_equal(rows, calls)
    sums = sum(row.input for row in rows), sum(row.completion + row.reasoning for row in rows)
    [(_, _, used)] = standing(server.admin).values()
    assert used == [*sums, sum(sums)]


def waiting(server: OpenWebUI) -> int:
    """How many calls wait in the spool."""
    return sum(path.read_text().count("\n") for path in (server.data / "usage-spool").glob("calls-*.jsonl"))


def warnings(server: OpenWebUI) -> list[str]:
    """What the plugin warned of in this server's log."""
    return re.findall(r"^.*\b(?:WARNING|ERROR|CRITICAL)\b.*openwebui_usage.*$", server.log_text(), re.MULTILINE)


def wait_until_reports_know_all(server: OpenWebUI) -> None:
    """Calls that an older version wrote are brought into the sums for reports in the background."""

    def is_so() -> bool:
        checks = server.admin.request("GET", "/api/usage/health")["checks"]
        return all(check["state"] == "ok" for check in checks if check["id"] == "reports")

    wait_until(is_so, timeout=60, what="all calls are in the reports", every=0.5)
