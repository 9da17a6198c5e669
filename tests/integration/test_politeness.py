"""Whatever is wrong with us, Open WebUI stays fully usable."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clients import Client, text
from tests.support.forks import ForkServer
from tests.support.host import HostEnvironment
from tests.support.ledger import Ledger
from tests.support.openwebui import OpenWebUI
from tests.support.process import Process, wait_until

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
    """No trace of the plugin: no route, no script, no function, no table, no file, no line in the log."""
    answer = server.admin.get("/api/usage/groups")
    assert "json" not in answer.headers["content-type"]
    assert server.admin.get("/static/loader.js").text == ""
    assert server.admin.request("GET", "/api/v1/functions/") == []
    with sqlite3.connect(f"file:{server.data / 'webui.db'}?mode=ro", uri=True) as database:
        assert database.execute(OUR_TABLES).fetchall() == []
    assert not server.ledger_file.exists()
    assert "openwebui_usage" not in server.log_text()


@pytest.mark.parametrize(
    "switch",
    # How each is read, tests/unit/test_autoload.py tries every day.
    [{"OPENWEBUI_USAGE_ENABLED": "false"}, pytest.param({"SAFE_MODE": "true"}, marks=pytest.mark.nightly)],
)
def test_it_keeps_out_when_asked_to(start_openwebui: Callable[..., OpenWebUI], switch: dict[str, str]) -> None:
    server = start_openwebui(env=switch)
    assert_usable(server.admin)
    assert_absent(server)


# --- faults of ours


def change(host: HostEnvironment, file: str, pattern: str, replacement: str) -> None:
    """Change one place in the installed plugin."""
    path = host.site_packages / "openwebui_usage" / file
    changed, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, f"{file} has no {pattern}"
    path.write_text(changed)


# What is wrong from the start, and the one line that the log has to say about it.
FAULTS_AT_START = {
    "in the package": ("host/seam.py", r"^class Seam:", "class Seam(:", "Open WebUI runs on without it: SyntaxError"),
    "while mounting": (
        "host/plugin.py",
        r"^(    def attach\(self\)[^\n]*)",
        r"\1\n        raise RuntimeError('fault')",
        "Open WebUI runs on without it: RuntimeError: fault",
    ),
    "while starting": (
        "ledger/writer.py",
        r"^(    def start\(self\)[^\n]*)",
        r"\1\n        raise RuntimeError('fault')",
        "Metering could not be started; nothing is counted",
    ),
}


@pytest.mark.parametrize(("file", "pattern", "replacement", "said"), FAULTS_AT_START.values(), ids=FAULTS_AT_START)
def test_a_fault_at_the_start_costs_no_chat(
    new_host: Callable[..., HostEnvironment],
    start_openwebui: Callable[..., OpenWebUI],
    file: str,
    pattern: str,
    replacement: str,
    said: str,
) -> None:
    host = new_host(plugin=True)
    change(host, file, pattern, replacement)
    server = start_openwebui(host=host)
    assert_usable(server.admin)
    assert server.log_text().count(said) == 1


# Functions of ours that fail while a file of the fault's name exists.
FAULTS = {
    "before a call": [("host/before_call.py", "prepare")],
    "in the gate": [("admission/gate.py", "admit")],
    "in the check ahead": [("admission/gate.py", "check")],
    "in the effort": [("host/effort.py", "apply")],
    "after a call": [("meter.py", "_row")],
    "while recording": [("ledger/store.py", "record")],
    "while recording and spooling": [("ledger/store.py", "record"), ("ledger/spool.py", "append")],
    "while publishing": [("host/sockets.py", "_publish")],
    "in the status line": [("host/status.py", "_line")],
}
WRONG_SETTINGS = {"OPENWEBUI_USAGE_FAIL_CLOSED": "ture", "OPENWEBUI_USAGE_KEEP_CALLS": "a while"}
FAILING = """

def _fail_if_told(fault):
    import os
    if os.path.exists(os.path.join(os.environ["HOME"], fault)):
        raise RuntimeError(fault)
"""


@pytest.fixture(scope="module")
def brittle(new_host: Callable[..., HostEnvironment], new_openwebui: Callable[..., OpenWebUI]) -> Iterator[OpenWebUI]:
    """An Open WebUI whose plugin fails when and where it is told to, and has settings that are wrong."""
    host = new_host(plugin=True)
    for fault, places in FAULTS.items():
        for file, function in places:
            pattern = rf"^(( *)(?:async )?def {function}\(.*?\) -> [^\n]*:\n)"
            change(host, file, pattern, rf"\1\2    _fail_if_told({fault!r})\n")
    for file in {file for places in FAULTS.values() for file, _ in places}:
        change(host, file, r"\Z", FAILING)
    server = new_openwebui(host=host, env=WRONG_SETTINGS)
    try:
        server.start().admin.add_group("counted", ["*"])  # So that there is something to publish.
        yield server
    finally:
        server.discard()


def test_a_wrong_setting_is_told_and_keeps_nothing_else_from_working(brittle: OpenWebUI) -> None:
    assert_usable(brittle.admin)
    wrong = brittle.admin.request("GET", "/api/usage/health")["wrong_settings"]
    assert {each["variable"]: each["taken"] for each in wrong} == dict(
        zip(WRONG_SETTINGS, ("false", "not set"), strict=True)
    )
    said = brittle.log_text()
    for each in wrong:
        assert f"{each['variable']}: {each['fault']}. The default is taken instead: {each['taken']}." in said


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("provider")
def test_a_fault_while_running_costs_no_chat_and_is_overcome(brittle: OpenWebUI, fault: str) -> None:
    ledger = Ledger(brittle)
    flag = brittle.data.parent / fault
    flag.touch()
    try:
        with brittle.admin.ui():
            assert_usable(brittle.admin)
            wait_until(lambda: fault in brittle.log_text(), timeout=15, what="the fault is told")
    finally:
        flag.unlink()
    wait_until(lambda: counts_again(brittle.admin, ledger), timeout=15, what="calls are counted again", every=0.3)
    if "recording" in fault:
        assert len(ledger.wait(3, model="gpt-4o-mini")) == 3, "calls made meanwhile are not lost"


def counts_again(client: Client, ledger: Ledger) -> bool:
    client.chat("gpt-4o")
    return len(ledger.rows(model="gpt-4o")) > 0


@pytest.mark.usefixtures("provider")
def test_tables_that_somebody_drops_cost_no_chat(brittle: OpenWebUI) -> None:
    brittle.admin.add_group("all", ["*"])
    with closing(sqlite3.connect(brittle.ledger_file, timeout=30)) as database:
        for (table,) in database.execute(OUR_TABLES).fetchall():
            database.execute(f'DROP TABLE "{table}"')
    assert_usable(brittle.admin)
    # The tables come back, empty, and with them the calls that were made meanwhile.
    path = f"file:{brittle.ledger_file}?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        wait_until(
            lambda: (
                ("usage_call",) in database.execute(OUR_TABLES).fetchall()
                and database.execute("SELECT count(*) FROM usage_call").fetchone()[0] >= 3
            ),
            timeout=15,
            what="calls are counted again",
        )
    assert brittle.admin.usage_groups() == {}


# --- hosts that we do not know

RENAMED = (
    "generate_chat_completion",
    "generate_function_chat_completion",
    "generate_direct_chat_completion",
    "passthrough_anthropic_messages",
    "convert_to_responses_payload",
    "outlet_filter_handler",
    "chat_completion",
)


def rename_in_host(host: HostEnvironment, names: Iterable[str]) -> None:
    """Put an Open WebUI into the environment, in front of the real one, in which functions have other names."""
    real, copy = HostEnvironment.cached().site_packages / "open_webui", host.site_packages / "open_webui"
    pattern = re.compile(rf"\b({'|'.join(names)})\b")
    for folder, folders, files in os.walk(real):
        here = copy / Path(folder).relative_to(real)
        here.mkdir()
        for name in [each for each in folders if each in ("frontend", "static", "data", "__pycache__")]:
            folders.remove(name)
            if name != "__pycache__":
                (here / name).symlink_to(Path(folder) / name)
        for name in files:
            source = Path(folder) / name
            text = source.read_text(errors="replace") if name.endswith(".py") else ""
            if pattern.search(text):
                (here / name).write_text(pattern.sub(r"\1_as_of_late", text))
            else:
                (here / name).symlink_to(source)


def test_an_open_webui_with_other_names_is_left_alone_name_by_name(
    new_host: Callable[..., HostEnvironment], start_openwebui: Callable[..., OpenWebUI]
) -> None:
    host = new_host(plugin=True)
    rename_in_host(host, RENAMED)
    server = start_openwebui(host=host)
    assert_usable(server.admin)
    said = server.log_text()
    lost = {loss: names for names, loss in re.findall(r"This Open WebUI has no (\S.*): (.*)", said)}
    assert {name.rpartition(".")[2] for names in lost.values() for name in names.split(", ")} == set(RENAMED)
    assert lost["replies have no status line"] == "utils.middleware.outlet_filter_handler"
    assert "Traceback" not in said
    # What still has its name is still counted.
    ledger = Ledger(server)
    server.admin.request("POST", "/openai/responses", {"model": "gpt-4.1", "input": "Hello"})
    assert [row.model for row in ledger.rows()] == ["gpt-4.1"]


def test_an_application_of_another_shape_runs_on_as_if_we_were_not_there(
    new_host: Callable[..., HostEnvironment], start_openwebui: Callable[..., OpenWebUI]
) -> None:
    host = new_host(plugin=True)
    # To us it looks like a host that has none of what we hold on to.
    change(
        host,
        "host/patching.py",
        r"^        original = getattr\(module, function.name, None\)$",
        "        original = None",
    )
    change(host, "host/splicing.py", r"^    routes = app\.router\.routes$", "    routes = app.gone")
    change(host, "host/splicing.py", r"^    router = app\.router$", "    router = app.gone")
    server = start_openwebui(host=host)
    assert_usable(server.admin)
    said = server.log_text()
    assert said.count("This Open WebUI is not as expected: the API is left out") == 1
    assert said.count("This Open WebUI is not as expected: the start is left out") == 1


# --- mounting

LATE_MOUNT = """
import open_webui.main as main
from open_webui.routers import openai, ollama
from open_webui.utils import chat, middleware
from openwebui_usage import mount, unmount

app = main.app

def endpoints(routes):
    return [(getattr(route, "path", ""), getattr(route, "endpoint", None)) for route in routes]

def held():
    return {
        "openai": openai.generate_chat_completion,
        "as dispatched": chat.generate_openai_chat_completion,
        "ollama": chat.generate_ollama_chat_completion,
        "chat": main.chat_completion,
        "handler": app.state.CHAT_COMPLETION_HANDLER,
        "lifespan": app.router.lifespan_context,
        "routes": endpoints(app.router.routes),
        "of openai": endpoints(openai.router.routes),
        "of ollama": endpoints(ollama.router.routes),
    }

before = held()
assert not any(path.startswith("/api/usage/") for path, _ in before["routes"])
mount(app)
mounted = held()
mount(app)
assert held() == mounted, "a second time nothing happens"
assert [name for name in before if before[name] == mounted[name]] == []
assert mounted["as dispatched"] is mounted["openai"], "those who took hold of it early have it as well"
assert mounted["handler"] is mounted["chat"]
for path in ("/api/chat/completions", "/api/v1/chat/completions"):
    assert dict(mounted["routes"])[path] is mounted["chat"]
paths = [path for path, _ in mounted["routes"]]
assert paths.count("/api/usage/groups") == 2 and paths.index("/api/usage/groups") < paths.index("/static")
unmount(app)
unmount(app)
left = [name for name, value in held().items() if value != before[name]]
assert left == [], "what was not put back"
"""


def test_mounting_late_reaches_whoever_came_early_and_unmounting_leaves_nothing(
    host: HostEnvironment, new_openwebui: Callable[..., OpenWebUI], fork_server: ForkServer, tmp_path: Path
) -> None:
    env = new_openwebui().env | {"OPENWEBUI_USAGE_ENABLED": "false", "FROM_INIT_PY": "true"}
    script = tmp_path / "late_mount.py"
    script.write_text(LATE_MOUNT)
    process = Process([script], env=env, cwd=tmp_path, log=tmp_path / "log", fork=fork_server.of(host))
    wait_until(lambda: not process.running, timeout=200, what="it has ended", details=process.log_tail, every=0.2)
    assert process.exit_code == 0, process.log_tail()


def modules_loaded_by(python: Path) -> set[str]:
    command = [python, "-c", "import sys; print(*sorted(sys.modules))"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_an_interpreter_that_runs_something_else_loads_three_small_modules_of_ours(
    new_host: Callable[..., HostEnvironment],
) -> None:
    with_plugin, without = new_host(plugin=True), new_host(plugin=False)
    ours = {"openwebui_usage", "openwebui_usage.host", "openwebui_usage.host.autoload"}
    assert modules_loaded_by(with_plugin.python) - modules_loaded_by(without.python) == ours
