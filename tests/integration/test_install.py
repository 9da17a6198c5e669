"""install.sh as a person runs it: into an Open WebUI that is there, twice, out again, and where it cannot."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from openwebui_usage.demo.connection import environment
from tests.support.host import ROOT, HostEnvironment
from tests.support.openwebui import QUIET, OpenWebUI, connections
from tests.support.process import Process, free_port, wait_until
from tests.support.provider import Provider

DEMO_MODELS = {"demo-reasoner", "demo-chat"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fresh clone would have of the package, in a folder whose name has a space in it."""
    folder = tmp_path_factory.mktemp("clone") / "open webui usage"
    for name in ("openwebui_usage", "functions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("install.sh", "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def empty_host(new_host: Callable[..., HostEnvironment]) -> HostEnvironment:
    """Open WebUI without the plugin, to install into."""
    return new_host(plugin=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the started Open WebUI keeps."""
    return tmp_path_factory.mktemp("started")


@pytest.fixture
def installed(checkout: Path, empty_host: HostEnvironment) -> HostEnvironment:
    done = install(checkout, "--python", str(empty_host.python))
    assert done.returncode == 0, done.stderr
    return empty_host


def clean(**more: str) -> dict[str, str]:
    """An environment with no virtual environment in it, no provider and no Open WebUI on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "O"))}
    return {**kept, **more}


def install(checkout: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "install.sh", *arguments],
        env=clean() if env is None else env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        check=False,
    )


def in_one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed installation writes to standard error."""
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("install.sh: ")
    return line


def files(host: HostEnvironment) -> dict[str, str]:
    """What is in an environment, but for bytecode."""
    return {
        str(path.relative_to(host.prefix)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in host.prefix.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def last_written(host: HostEnvironment) -> dict[Path, int]:
    """When each installed file was made or changed, in nanoseconds, but for bytecode."""
    return {
        path: path.stat().st_ctime_ns
        for path in host.site_packages.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


class TestIntoAnOpenWebUIThatIsThere:
    def test_in_twice_and_out_again(self, checkout: Path, new_host: Callable[..., HostEnvironment]) -> None:
        host = new_host(plugin=False)
        before, packages = files(host), host.packages()

        first = install(checkout, "--python", str(host.python))
        assert first.returncode == 0, first.stderr
        assert f"The plugin is installed in Open WebUI {packages['open-webui']} ({host.python})." in first.stdout
        assert "It was tried with" not in first.stdout
        assert (host.site_packages / "openwebui_usage.pth").exists()
        after = host.packages()
        assert {name: after[name] for name in packages} == packages, "a pin of Open WebUI has moved"

        written = last_written(host)
        second = install(checkout, "--python", str(host.python))
        assert "The plugin is already in Open WebUI" in second.stdout
        assert last_written(host) == written, "what is there is not installed once more"

        gone = install(checkout, "--python", str(host.python), "--uninstall")
        assert gone.returncode == 0, gone.stderr
        assert host.packages() == packages
        assert files(host) == before

        again = install(checkout, "--python", str(host.python), "--uninstall")
        assert again.returncode == 0
        assert "nothing to do" in again.stdout

    def test_a_version_that_nobody_has_tried_is_named(
        self, checkout: Path, new_host: Callable[..., HostEnvironment]
    ) -> None:
        host = new_host(plugin=False)
        claimed = host.site_packages / "open_webui-0.5.20.dist-info"
        claimed.mkdir()
        (claimed / "METADATA").write_text("Metadata-Version: 2.1\nName: open-webui\nVersion: 0.5.20\n")
        (claimed / "RECORD").write_text("open_webui-0.5.20.dist-info/METADATA,,\n")
        done = install(checkout, "--python", str(host.python))
        assert done.returncode == 0, done.stderr
        assert "The plugin is installed in Open WebUI 0.5.20" in done.stdout
        assert "It was tried with Open WebUI 0.6.18 to 0.12, not with this version" in done.stdout

    def test_a_changed_file_is_installed_anew(self, checkout: Path, installed: HostEnvironment) -> None:
        changed = checkout / "functions" / "reasoning_effort.py"
        was = changed.read_text()
        changed.write_text(was + "\n# changed\n")
        try:
            assert "The plugin is installed in" in install(checkout, "--python", str(installed.python)).stdout
        finally:
            changed.write_text(was)

    def test_is_found_in_an_active_environment(self, checkout: Path, installed: HostEnvironment) -> None:
        done = install(checkout, env=clean(VIRTUAL_ENV=str(installed.prefix)))
        assert f"({installed.python})" in done.stdout

    def test_is_found_by_the_command_on_path(self, checkout: Path, installed: HostEnvironment, tmp_path: Path) -> None:
        (tmp_path / "open-webui").symlink_to(installed.command)  # as pipx and uv put it there
        done = install(checkout, env=clean(PATH=f"{tmp_path}:{os.environ['PATH']}"))
        assert f"({installed.python})" in done.stdout

    def test_is_found_by_the_first_line_of_a_script_elsewhere(
        self, checkout: Path, installed: HostEnvironment, tmp_path: Path
    ) -> None:
        shutil.copy2(installed.command, tmp_path / "open-webui")
        done = install(checkout, env=clean(PATH=f"{tmp_path}:{os.environ['PATH']}"))
        assert f"({installed.python})" in done.stdout

    @pytest.mark.parametrize("place", [".local/share/pipx/venvs", ".local/share/uv/tools"])
    def test_is_found_among_the_tools_of_pipx_and_uv(
        self, checkout: Path, installed: HostEnvironment, tmp_path: Path, place: str
    ) -> None:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "open-webui").symlink_to(installed.prefix)
        done = install(checkout, env=clean(HOME=str(tmp_path)))
        assert "The plugin is already in Open WebUI" in done.stdout
        assert str(tmp_path / place) in done.stdout


class TestWhereItCannot:
    @pytest.fixture
    def folder(self, checkout: Path, tmp_path: Path) -> Path:
        """A checkout of one's own, in which a .venv may be made."""
        return Path(shutil.copytree(checkout, tmp_path / "clone"))

    @pytest.fixture
    def mount(self) -> Iterator[Callable[..., None]]:
        """`mount(*arguments, place)`, undone after the test; the test is skipped where nothing may be mounted."""
        places: list[Path] = []

        def mount(*arguments: str | Path) -> None:
            done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")
            if "remount" not in str(arguments):
                places.append(Path(arguments[-1]))

        yield mount
        for place in reversed(places):
            subprocess.run(["umount", place], check=True)

    @pytest.fixture
    def tools(self, tmp_path: Path) -> Path:
        """A PATH with a shell's usual tools, and no Python."""
        directory = tmp_path / "tools"
        directory.mkdir()
        for name in ("bash", "env", "dirname", "mktemp", "rm", "readlink", "uname", "df", "awk", "grep", "tail"):
            (directory / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        return directory

    def test_no_python(self, folder: Path, tools: Path) -> None:
        said = in_one_sentence(install(folder, env={"PATH": str(tools), "HOME": "/nonexistent"}))
        assert "needs Python 3.11 or 3.12, and neither is on PATH" in said

    def test_another_python(self, folder: Path, tools: Path) -> None:
        # A stand-in: not every machine has a Python too old or too new.
        old = tools / "python3.9"
        old.write_text("#!/bin/sh\nexit 1\n")
        old.chmod(0o755)
        assert f"{old} is neither" in in_one_sentence(install(folder, "--python", str(old)))

    def test_no_such_python(self, folder: Path) -> None:
        assert "there is no program /no/python" in in_one_sentence(install(folder, "--python", "/no/python"))

    def test_no_network(self, folder: Path) -> None:
        nowhere = {"PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple", "PIP_CONFIG_FILE": "/dev/null"}
        env = clean(**nowhere, PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", HOME="/nonexistent")
        said = in_one_sentence(install(folder, env=env))
        assert "the package index cannot be reached" in said
        # What was begun does not stand in the way of the next try.
        assert "the package index cannot be reached" in in_one_sentence(install(folder, env=env))

    def test_no_disk_space(self, folder: Path, tmp_path: Path, mount: Callable[..., None]) -> None:
        small = tmp_path / "small"
        small.mkdir()
        mount("-t", "tmpfs", "-o", "size=100m", "tmpfs", small)
        place = shutil.copytree(folder, small / "clone")
        assert "needs 5 GB of disk" in in_one_sentence(install(place, env=clean(HOME="/nonexistent")))

    def test_an_environment_that_may_not_be_written(
        self, checkout: Path, new_host: Callable[..., HostEnvironment], mount: Callable[..., None]
    ) -> None:
        host = new_host(plugin=False)
        mount("--bind", host.prefix, host.prefix)
        mount("-o", "remount,bind,ro", host.prefix)
        said = in_one_sentence(install(checkout, "--python", str(host.python)))
        assert f"The environment of {host.python} may not be written" in said

    @pytest.mark.parametrize("wrong", [["--bogus"], ["--port", "0"], ["--port", "http"], ["--port"], ["--python"]])
    def test_a_wrong_option(self, checkout: Path, wrong: list[str]) -> None:
        done = install(checkout, *wrong)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert wrong[0] in done.stderr

    def test_nothing_to_uninstall_from(self, folder: Path) -> None:
        said = in_one_sentence(install(folder, "--uninstall", env=clean(HOME="/nonexistent")))
        assert "no Open WebUI here" in said


class TestStart:
    """One start after the other on the same data."""

    @pytest.fixture
    def start(
        self, checkout: Path, installed: HostEnvironment, data: Path, new_log: Callable[[str], Path]
    ) -> Iterator[Callable[..., tuple[Process, str]]]:
        running: list[Process] = []

        def start(**more: str) -> tuple[Process, str]:
            port = free_port()
            settings = {**QUIET, "DATA_DIR": str(data), "STATIC_DIR": str(data / "static"), "WEBUI_SECRET_KEY": "test"}
            command: list[str | Path] = [
                checkout / "install.sh",
                "--python",
                installed.python,
                "--start",
                "--port",
                str(port),
            ]
            process = Process(command, env=clean(**settings, **more), cwd=data, log=new_log("install-start"))
            running.append(process)
            url = f"http://localhost:{port}"
            wait_until(lambda: "ready after" in process.log.read_text() or not process.running, timeout=180,
                       what="Open WebUI is ready", details=process.log_tail)  # fmt: skip
            return process, url

        yield start
        for process in running:
            process.kill()

    def test_brings_the_demo_and_ctrl_c_leaves_nothing_behind(self, start: Callable[..., tuple[Process, str]]) -> None:
        process, url = start()
        said = process.log.read_text()
        [demo] = re.findall(r"demo provider answers on (http://127.0.0.1:\d+)/v1", said)
        assert "OPENAI_API_KEY" in said
        assert f"Open WebUI is starting on {url}" in said
        assert models(url) == DEMO_MODELS

        assert process.stop(signal.SIGINT) in {0, 130}
        wait_until(lambda: not reachable(demo) and not mentioning(url), timeout=5, what="all processes have ended")

    @pytest.mark.nightly  # The next test does the same with less of a start.
    def test_a_real_provider_takes_the_place_of_the_demo(self, start: Callable[..., tuple[Process, str]]) -> None:
        process, url = start()
        assert models(url) == DEMO_MODELS
        os.kill(process.pid, signal.SIGKILL)  # nothing is cleaned up on the way out
        process.stop()
        wait_until(lambda: not mentioning(url), timeout=5, what="the demo has ended, too")

        process, url = start(OPENAI_API_KEY="sk-real", OPENAI_API_BASE_URL="http://127.0.0.1:9/v1")
        assert "demo provider" not in process.log.read_text()
        assert models(url) == set()
        assert process.stop(signal.SIGTERM) in {0, -signal.SIGTERM}

    def test_a_demo_that_died_with_its_machine_keeps_no_provider_out(
        self, new_openwebui: Callable[..., OpenWebUI], installed: HostEnvironment, provider_process: Provider
    ) -> None:
        """Nobody is left to clean up, and the next start is Open WebUI's own."""
        server = new_openwebui(host=installed, env=environment("http://127.0.0.1:9/v1", keep_ollama=False))
        try:
            assert "gpt-4o" not in server.start().admin.models()
            server.kill9()
            server.env |= connections(provider_process.url)
            assert "gpt-4o" in server.start().admin.models()
        finally:
            server.discard()

    def test_a_port_that_is_taken(self, checkout: Path, installed: HostEnvironment) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = install(checkout, "--python", str(installed.python), "--start", "--port", str(port))
        assert done.returncode == 1
        assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
        assert done.stderr.count("\n") == 1


def models(url: str) -> set[str]:
    """What the first administrator may choose from."""
    account = {"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        signed = client.post("/api/v1/auths/signup", json=account)
        if signed.status_code != httpx.codes.OK:
            signed = client.post("/api/v1/auths/signin", json=account)
        login = {"Authorization": f"Bearer {signed.json()['token']}"}
        return {model["id"] for model in client.get("/api/models", headers=login).json()["data"]}


def reachable(url: str) -> bool:
    try:
        return bool(httpx.get(url, trust_env=False))
    except httpx.TransportError:
        return False


def mentioning(url: str) -> list[str]:
    """Command lines of running processes that name this server's port."""
    port = url.rsplit(":", 1)[1]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if re.search(rf"\b{port}\b", line):
            found.append(line)
    return found
