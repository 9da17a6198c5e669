"""Whatever is wrong with us, Open WebUI stays fully usable."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clients import Client, text
from tests.support.host import HostEnvironment
from tests.support.openwebui import OpenWebUI
from tests.support.process import wait_until

OUR_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'usage\\_%' ESCAPE '\\'"


def assert_usable(client: Client) -> None:
    """Chats work in every way that a person or a program has."""
    assert client.chat("gpt-4o-mini")["choices"][0]["message"]["content"]
    assert text(client.stream("gpt-4o-mini"))
    with client.ui() as ui:
        turn = ui.ask("gpt-4o-mini", "Hello there").wait()
        assert turn.text()
    assert client.get("/").status_code == 200
    assert client.get("/static/loader.js").status_code == 200


def assert_absent(server: OpenWebUI) -> None:
    """No trace of the plugin: no route, no script, no function, no table, no line in the log."""
    answer = server.admin.get("/api/usage/groups")
    assert "json" not in answer.headers["content-type"]
    assert server.admin.get("/static/loader.js").text == ""
    assert server.admin.request("GET", "/api/v1/functions/") == []
    with sqlite3.connect(f"file:{server.data / 'webui.db'}?mode=ro", uri=True) as database:
        assert database.execute(OUR_TABLES).fetchall() == []
    assert "openwebui_usage" not in server.log_text()


@pytest.mark.parametrize("switch", [{"OPENWEBUI_USAGE_ENABLED": "false"}, {"SAFE_MODE": "true"}])
def test_it_keeps_out_when_asked_to(start_openwebui: Callable[..., OpenWebUI], switch: dict[str, str]) -> None:
    server = start_openwebui(env=switch)
    assert_usable(server.admin)
    assert_absent(server)


def test_tables_that_somebody_drops_cost_no_chat(start_openwebui: Callable[..., OpenWebUI]) -> None:
    server = start_openwebui()
    server.admin.add_group("all", ["*"])
    server.admin.chat("gpt-4o-mini")
    with sqlite3.connect(server.data / "webui.db", timeout=30) as database:
        for (table,) in database.execute(OUR_TABLES).fetchall():
            database.execute(f'DROP TABLE "{table}"')
    assert_usable(server.admin)
    # The tables come back, empty, and with them the calls that were made meanwhile.
    with sqlite3.connect(f"file:{server.data / 'webui.db'}?mode=ro", uri=True) as database:
        wait_until(
            lambda: (
                bool(database.execute(OUR_TABLES).fetchall())
                and database.execute("SELECT count(*) FROM usage_call").fetchone()[0] >= 3
            ),
            timeout=15,
            what="calls are counted again",
        )
    assert server.admin.usage_groups() == {}


def break_package(host: HostEnvironment, file: str, pattern: str, replacement: str) -> None:
    """Put a fault into one file of the installed plugin."""
    path = host.site_packages / "openwebui_usage" / file
    source = path.read_text()
    broken, count = re.subn(pattern, replacement, source, count=1, flags=re.MULTILINE)
    assert count == 1, f"{file} has no {pattern}"
    path.write_text(broken)


FAULTS = {
    "on import": ("host/mount.py", r"^def on_import.*$", "raise RuntimeError('fault')\n\n\\g<0>"),
    "syntax": ("host/calls.py", r"^class Seam:", "class Seam(:"),
    "while mounting": ("host/mount.py", r"^    def attach\(self\).*$", "\\g<0>\n        raise RuntimeError('fault')"),
    "while starting": ("ledger/writer.py", r"^    def start\(self\).*$", "\\g<0>\n        raise RuntimeError('fault')"),
    "before a call": ("host/calls.py", r"^    async def _enter\(", "    async def _gone("),
    "in the gate": ("gate.py", r"^        definitions = self._definitions$", "        raise RuntimeError('fault')"),
    "after a call": ("meter.py", r"^    def _row\($", "    def _gone("),
    "while recording": ("ledger/store.py", r"^    def record\(", "    def _gone("),
    "while publishing": ("host/sockets.py", r"^    async def _publish\(", "    async def _gone("),
    "in the status line": ("host/status.py", r"^    async def _line\(", "    async def _gone("),
}


@pytest.mark.parametrize(("file", "pattern", "replacement"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_ours_costs_no_chat(
    new_host: Callable[..., HostEnvironment],
    start_openwebui: Callable[..., OpenWebUI],
    file: str,
    pattern: str,
    replacement: str,
) -> None:
    host = new_host(plugin=True)
    break_package(host, file, pattern, replacement)
    server = start_openwebui(host=host)
    answer = server.admin.post("/api/usage/groups", json={"name": "all", "models": ["*"], "limit": 10**9})
    assert answer.status_code in (200, 405, 503, 500)
    assert_usable(server.admin)


def test_an_unknown_host_version_runs_on_as_if_we_were_not_there(
    new_host: Callable[..., HostEnvironment], start_openwebui: Callable[..., OpenWebUI]
) -> None:
    host = new_host(plugin=True)
    # To us this looks like a host in which every name that we hold on to is gone.
    break_package(
        host, "host/calls.py", r"^        original = getattr\(module, name, None\)$", "        original = None"
    )
    break_package(
        host,
        "host/mount.py",
        r"^    routes?: .*$|^        routes = self\._app\.router\.routes$",
        "        routes = self._app.router.gone",
    )
    break_package(host, "host/mount.py", r"^        router = self\._app\.router$", "        router = self._app.gone")
    server = start_openwebui(host=host)
    assert_usable(server.admin)
    said = server.log_text()
    assert said.count("This Open WebUI is not as expected: the API is left out") == 1
    assert said.count("This Open WebUI is not as expected: the start is left out") == 1


def modules_loaded_by(python: Path) -> set[str]:
    command = [python, "-c", "import sys; print(*sorted(sys.modules))"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_an_interpreter_that_runs_something_else_loads_three_small_modules_of_ours(
    new_host: Callable[..., HostEnvironment],
) -> None:
    with_plugin, without = new_host(plugin=True), new_host(plugin=False)
    ours = {"openwebui_usage", "openwebui_usage.host", "openwebui_usage.host.autoload"}
    assert modules_loaded_by(with_plugin.python) - modules_loaded_by(without.python) == ours
