"""The ways into the official image without a Docker engine: its layout, the commands of deploy/, a start, a counter.

The commands are those of deploy/ themselves. See tests/support/image.py for what stands in for Docker.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from openwebui_usage import __version__
from tests.support import image as images
from tests.support.clients import Client
from tests.support.host import ROOT, HostEnvironment
from tests.support.image import Image
from tests.support.openwebui import ADMIN_EMAIL, ADMIN_PASSWORD, OPEN, QUIET, connections
from tests.support.process import Process, free_port, wait_until
from tests.support.provider import Provider

pytestmark = [
    pytest.mark.skipif(bool(images.why_not()), reason=str(images.why_not())),
    pytest.mark.timeout(600),
]
SOMEBODY = 1234
"""Not root."""


@pytest.fixture
def image(bare_host: HostEnvironment, tmp_path: Path) -> Image:
    return Image(bare_host, tmp_path / "image")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What .dockerignore lets through of this repository."""
    folder = tmp_path_factory.mktemp("source")
    folder.chmod(0o755)
    everything, *kept = (ROOT / ".dockerignore").read_text().split()
    assert everything == "*"
    for name in (line.removeprefix("!") for line in kept):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def wheels(wheel: Path, bare_host: HostEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels: the plugin's, what it needs that Open WebUI does not bring, and what builds it."""
    folder = tmp_path_factory.mktemp("wheels")
    folder.chmod(0o755)
    shutil.copy2(wheel, folder)
    there = {path.name.partition("-")[0].lower() for path in bare_host.site_packages.glob("*.dist-info")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {name: re.match(r"[\w.-]+", name)[0].replace("-", "_") for name in project["project"]["dependencies"]}  # type: ignore[index]
    download = [sys.executable, "-m", "pip", "--quiet", "download", "--only-binary=:all:", "--dest", str(folder)]
    missing = [requirement for requirement, name in needed.items() if name not in there]
    subprocess.run([*download, "--no-deps", *missing], check=True)
    subprocess.run([*download, *project["build-system"]["requires"]], check=True)
    return folder


MISSING = {"openwebui_usage", "genai_prices", "prometheus_client"}
"""All that is installed: what Open WebUI brings stays its own."""
NO_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "PIP_CONFIG_FILE": "/dev/null"}


class Container:
    """Open WebUI in an image, started and signed in to."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        url = f"http://127.0.0.1:{port}"

        def is_up() -> bool:
            assert process.running, process.log_tail()
            try:
                return httpx.get(f"{url}/health", timeout=5, trust_env=False).is_success
            except httpx.TransportError:
                return False

        wait_until(is_up, timeout=400, what="Open WebUI is up", details=process.log_tail, every=0.2)
        self.admin = Client.sign_in(url, ADMIN_EMAIL, ADMIN_PASSWORD)

    def counts(self) -> None:
        """The API is there, the page's script, and a call is counted."""
        self.admin.request("POST", "/api/usage/groups", {"name": "counted", "models": ["gpt-4o-mini"], "limit": None})
        self.admin.chat("gpt-4o-mini")
        assert self.admin.usage_groups()["counted"]["usage"]["calls"] == 1
        assert "usage" in self.admin.get("/static/loader.js").text


@pytest.fixture
def run(provider: Provider, new_log: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """`run(image, env={}, volumes={}, …)`: see `Image.start`. Data is in a volume."""
    running: list[Process] = []
    data = tmp_path / "data"

    def start(image: Image, **options: Any) -> Container:
        port = free_port()
        data.mkdir(exist_ok=True)
        os.chown(data, options.get("user", 0), options.get("user", 0))
        env = {**QUIET, **OPEN, **connections(provider.url), "HOST": "127.0.0.1", "PORT": str(port), "NO_PROXY": "*"}
        process = image.start(
            log=new_log("image"),
            **{
                **options,
                "env": {**env, **options.get("env", {})},
                "volumes": {"/app/backend/data": data, **options.get("volumes", {})},
            },
        )
        running.append(process)
        return Container(process, port)

    yield start
    for process in running:
        process.kill()


def test_the_image_is_laid_out_as_the_official_one(image: Image) -> None:
    said = image.run(
        "python -c 'import sys, site, open_webui; print(sys.prefix, site.ENABLE_USER_SITE, open_webui.__file__)'"
    )
    assert said.split() == ["/usr/local", "True", "/app/backend/open_webui/__init__.py"]


@pytest.mark.nightly
def test_two_lines_on_the_official_image(
    image: Image, source: Path, wheels: Path, tmp_path: Path, run: Callable[..., Container]
) -> None:
    [line] = re.findall(r"^RUN (.+)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    mount, _, command = line.partition(" ")
    target = re.fullmatch(r"--mount=type=bind,source=\.,target=(\S+),rw", mount)
    assert target
    before = image.run(["pip", "list", "--format=freeze"]).splitlines()
    image.run(command, volumes={target[1]: source, "/wheels:ro": wheels}, env=NO_NETWORK)
    after = image.run(["pip", "list", "--format=freeze"]).splitlines()
    assert set(before) - set(after) == set(), "a package of Open WebUI has moved"
    assert f"openwebui-usage=={__version__}" in after
    container = run(image)
    container.counts()
    assert "openwebui-usage" in image.run(["openwebui-usage", "version"])
    container.process.stop()
    # The way back, from the documentation.
    [uninstall] = re.findall(r"(python -m openwebui_usage.cli uninstall .+)", (ROOT / "docs" / "docker.md").read_text())
    said = image.run(uninstall, volumes={"/app/backend/data": tmp_path / "data"})
    assert "usage_metering" in said
    assert "Packages" not in said
    assert "The plugin is removed." in said


@pytest.mark.nightly
def test_a_volume_with_the_plugin_for_the_image_as_it_is(
    image: Image, source: Path, wheels: Path, tmp_path: Path, run: Callable[..., Container]
) -> None:
    """By what deploy/compose.mounted.yaml says; as nobody in particular, on a root file system that is read only."""
    services = yaml.safe_load((ROOT / "deploy" / "compose.mounted.yaml").read_text())["services"]
    installer, server = services["plugin"], services["open-webui"]
    places = {"..": source, "plugin": tmp_path / "plugin"}
    places["plugin"].mkdir()
    os.chown(places["plugin"], SOMEBODY, SOMEBODY)

    def volumes(service: dict[str, Any]) -> dict[str, Path]:
        named = [item.split(":", 1) for item in service["volumes"]]
        return {place: places[name] for name, place in named if name in places}

    ours = {"user": SOMEBODY, "read_only": True}
    image.run(
        installer["command"],
        volumes={**volumes(installer), "/wheels:ro": wheels},
        env={**installer["environment"], **NO_NETWORK},
        **ours,
    )
    folder = places["plugin"] / "lib"
    assert {path.name.partition("-")[0] for path in folder.glob("*/site-packages/*.dist-info")} == MISSING
    in_memory = {"STATIC_DIR": "/tmp/static", "PYTHONUSERBASE": server["environment"]["PYTHONUSERBASE"]}
    container = run(image, volumes=volumes(server), env=in_memory, **ours)
    container.counts()
    data = {"/app/backend/data": tmp_path / "data", **volumes(server)}
    said = image.run(["python", "-m", "openwebui_usage.cli", "doctor"], volumes=data, env=in_memory, **ours)
    assert "comes up with the plugin, by /plugin/lib/" in said
    assert "0 failed" in said


def test_a_folder_of_wheels_and_no_network(image: Image, wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    volumes = {"/plugin": tmp_path / "plugin", "/wheels:ro": wheels}
    env = {"PYTHONUSERBASE": "/plugin", "PIP_CONFIG_FILE": "/dev/null"}
    image.run("pip install --user --no-index --find-links /wheels openwebui-usage", volumes=volumes, env=env)
    said = image.run(["openwebui-usage", "version"], volumes=volumes, env={**env, "PATH": f"/plugin/bin:{images.PATH}"})
    assert said.splitlines()[0] == f"openwebui-usage {__version__}"
    assert re.fullmatch(r"open-webui \d+\.\d+\.\d+", said.splitlines()[1])


@pytest.mark.nightly
def test_a_function_in_the_admin_page_and_no_shell(
    image: Image, wheels: Path, tmp_path: Path, run: Callable[..., Container]
) -> None:
    """As the image's unprivileged user, whose packages go into the data volume and are there after a new container."""
    env = {**NO_NETWORK, "PYTHONUSERBASE": "/app/backend/data/python", "OFFLINE_MODE": "false"}
    options = {"user": SOMEBODY, "env": env, "volumes": {"/wheels:ro": wheels}}
    (tmp_path / "data").mkdir()
    shutil.copy2(next(wheels.glob("openwebui_usage-*.whl")), tmp_path / "data")
    options["env"]["STATIC_DIR"] = "/tmp/static"
    container = run(image, **options)
    bootstrap = (ROOT / "functions" / "usage_bootstrap.py").read_text()
    container.admin.add_function("usage_bootstrap", bootstrap, everywhere=False)
    container.counts()
    container.process.stop()
    again = run(image, **options)
    assert again.admin.usage_groups()["counted"]["usage"]["calls"] == 1
