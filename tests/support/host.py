"""Environments with Open WebUI: one cached and never changed, and thin ones on top of it with the plugin in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.support.process import wait_until

ROOT = Path(__file__).resolve().parents[2]
HOST_VARIABLE = "OPENWEBUI_USAGE_TEST_HOST"
PREPARED_VARIABLE = "OPENWEBUI_USAGE_TEST_PREPARED"
_LONGEST_SETUP = 3600


def wait_until_prepared(part: Literal["host", "sources", "patched_build"]) -> None:
    """Return once tests/run has set up this part, which it may still do; end the run where that failed."""
    given = os.environ.get(PREPARED_VARIABLE)
    if not given:
        return
    status = Path(given) / part
    wait_until(status.exists, timeout=_LONGEST_SETUP, what="Open WebUI is set up", every=0.2)
    if status.read_text().strip() != "0":
        told = status.parent.with_name("preparing.txt")
        pytest.exit(f"Open WebUI could not be set up: see {told}", returncode=2)


class HostEnvironment:
    """A Python environment in which `open-webui` is installed."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.python = prefix / "bin" / "python"
        self.command = prefix / "bin" / "open-webui"

    @classmethod
    def cached(cls) -> HostEnvironment:
        """The one that tests/run prepares. Bare Open WebUI; nobody writes to it."""
        given = os.environ.get(HOST_VARIABLE)
        if not given:
            raise RuntimeError(f"{HOST_VARIABLE} is not set: start the tests with tests/run")
        return cls(Path(given))

    @property
    def site_packages(self) -> Path:
        return next(self.prefix.glob("lib/python3.*/site-packages"))

    def version(self) -> str:
        """Open WebUI's."""
        found = next(HostEnvironment.cached().site_packages.glob("open_webui-*.dist-info"))
        return found.name.removeprefix("open_webui-").removesuffix(".dist-info")

    def mentions(self, file: str, text: str) -> bool:
        """Whether Open WebUI's own `file`, by its path in the package, has `text`: a way to know what a host offers."""
        found = next(HostEnvironment.cached().site_packages.glob(f"open_webui/{file}"), None)
        return found is not None and text in found.read_text(encoding="utf-8")

    def overlay(self, prefix: Path, like: HostEnvironment | None = None) -> HostEnvironment:
        """A new environment that sees everything of this one, yet has a site-packages of its own to install into.

        Made in a second, where a copy would take gigabytes. pip sees what lies below as installed. `like` is another
        overlay: what was installed there is copied, which takes less than to install it once more.
        """
        _run(self.python, "-m", "venv", "--without-pip", prefix)
        environment = HostEnvironment(prefix)
        below = environment.site_packages / "_open_webui_below.pth"
        below.write_text(f"import site; site.addsitedir({str(self.site_packages)!r})\n")
        environment._take_command(self.command)
        if like:
            shutil.copytree(like.site_packages, environment.site_packages, dirs_exist_ok=True)
            environment._take_command(like.prefix / "bin" / "openwebui-usage")
        # pip is below as well: give it a command, as a person would use it.
        pip = environment.prefix / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\nexec "{environment.python}" -m pip "$@"\n')
        pip.chmod(0o755)
        return environment

    def _take_command(self, script: Path) -> None:
        lines = script.read_text().splitlines(keepends=True)
        command = self.prefix / "bin" / script.name
        command.write_text("".join([f"#!{self.python}\n", *lines[1:]]))
        command.chmod(0o755)

    def pip(self, *arguments: str | Path) -> str:
        """Run pip in this environment; returns what it printed."""
        return _run(self.python, "-m", "pip", "--no-input", *arguments)

    def packages(self) -> dict[str, str]:
        """What is installed: versions by name."""
        return {package["name"]: package["version"] for package in json.loads(self.pip("list", "--format=json"))}

    def install(self, wheel: Path) -> None:
        """Install a wheel the plain way: with dependencies, if any are missing."""
        self.pip("install", "--quiet", wheel)


def build_wheel(directory: Path, root: Path = ROOT) -> Path:
    """The plugin as it stands in the work tree, as a wheel in `directory`. Needs no network: hatchling is at hand."""
    source = directory / "source"
    # hatchling reads .gitignore; a copy without node_modules keeps it quick, and steady while files are edited.
    ignored = shutil.ignore_patterns(".git", "node_modules", "artefacts", "__pycache__", ".*_cache")
    shutil.copytree(root, source, ignore=ignored)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", directory, cwd=source)
    shutil.rmtree(source)
    return next(directory.glob("openwebui_usage-*.whl"))


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout
