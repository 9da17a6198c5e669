"""Checks of an installation, without a server that runs: whether Python puts the plugin in place at its start, and
whether the ledger is one that this version can write.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from openwebui_usage.checks.check import Check, fail, ok, warn
from openwebui_usage.ledger.revision import LedgerRevision

_LINES = "`import openwebui_usage.host.autoload` and `openwebui_usage.host.autoload.activate()`"
_TIMEOUT = 30.0

# Run by an interpreter that begins as Open WebUI's does. The first entry of the path is this script's own.
_PROBE = """
import json, os, sys
paths = [path for path in sys.path[1:] if os.path.isdir(path)]
having = lambda *parts: [os.path.join(path, *parts) for path in paths if os.path.isfile(os.path.join(path, *parts))]
ours = [file for file in having("sitecustomize.py") if "openwebui_usage" in open(file, errors="replace").read()]
print("\\n" + json.dumps({
    "is_active": any(type(finder).__module__ == "openwebui_usage.host.autoload" for finder in sys.meta_path),
    "copies": list(dict.fromkeys(map(os.path.realpath, having("openwebui_usage", "__init__.py")))),
    "pth": next(iter(having("openwebui_usage.pth")), None),
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
    "own_sitecustomize": next(iter(ours), None),
}))
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """How Python begins where Open WebUI is started."""

    python: str
    """The interpreter."""
    open_webui: str | None
    """The version that it has; None for none."""
    is_active: bool = False
    """Whether the import hook is in place."""
    switched_off: str | None = None
    """The variable that keeps the plugin out, with its value."""
    flags: tuple[str, ...] = ()
    """Options of the interpreter in the first line of the command `open-webui`."""
    copies: tuple[str, ...] = ()
    """Files of the package that can be imported; the first one is."""
    pth: str | None = None
    """The file with the autoload line."""
    sitecustomize: str | None = None
    """The one that was loaded."""
    own_sitecustomize: str | None = None
    """One that would load the plugin."""
    error: str | None = None
    """What the interpreter said at its start."""


def look_at_installation() -> Installation:
    """Start an interpreter as `open-webui` would, and see. Takes a moment; blocks."""
    host = host_version()
    if host is None:
        return Installation(sys.executable, None)
    flags = _flags(Path(sysconfig.get_path("scripts")) / "open-webui")
    try:
        child = subprocess.run(  # noqa: S603
            [sys.executable, *flags, "-c", _PROBE], capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )
        seen = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Installation(sys.executable, host, flags=flags, error=f"{type(error).__name__}: {error}")
    said = child.stderr.strip().splitlines()
    seen["copies"] = tuple(seen["copies"])
    return Installation(
        sys.executable,
        host,
        switched_off=_switched_off(os.environ),
        flags=flags,
        error=said[-1] if said else None,
        **seen,
    )


def host_version() -> str | None:
    """Of the Open WebUI that this environment starts; None for none.

    In the official image it is no installed package but the folder beside its start script, where `docker exec` begins.
    """
    try:
        return version("open-webui")
    except PackageNotFoundError:
        pass
    backend = Path.cwd()
    if not (backend / "open_webui" / "main.py").is_file():
        return None
    try:
        return str(json.loads((backend.parent / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, KeyError, TypeError, ValueError):
        return "unknown"


def _flags(command: Path) -> tuple[str, ...]:
    try:
        with command.open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
    except OSError:
        return ()
    return tuple(word for word in shlex.split(first.removeprefix("#!"))[1:] if word.startswith("-"))


def _switched_off(environment: Mapping[str, str]) -> str | None:
    """As `host.autoload.is_switched_off` reads it."""
    for name, values in (("OPENWEBUI_USAGE_ENABLED", ("0", "false", "no", "off")), ("SAFE_MODE", ("true",))):
        value = environment.get(name, "").strip()
        if value.lower() in values:
            return f"{name}={value}"
    return None


def of_autoload(found: Installation) -> Check:
    """Whether Open WebUI comes up with the plugin, or why not."""
    if found.open_webui is None:
        return fail(
            "autoload",
            f"Open WebUI is not installed for {found.python}.",
            "Run the command that lies beside `open-webui`, in the environment that Open WebUI runs in.",
        )
    if found.switched_off is not None:
        return fail("autoload", f"{found.switched_off} keeps the plugin out.", "Unset it, and restart Open WebUI.")
    if found.is_active:
        by = found.pth or found.sitecustomize or found.own_sitecustomize or "sitecustomize.py"
        if len(found.copies) > 1:
            return warn(
                "autoload",
                f"The plugin is installed {len(found.copies)} times: {', '.join(found.copies)}. The first one is used.",
                "Remove the others, or an upgrade may change one that is not used.",
            )
        return ok("autoload", f"Open WebUI {found.open_webui} comes up with the plugin, by {by}.")
    return fail("autoload", *_why_not(found))


def _why_not(found: Installation) -> tuple[str, str]:
    flags = " ".join(found.flags)
    shadowed = found.own_sitecustomize is not None and found.sitecustomize not in (None, found.own_sitecustomize)
    if shadowed:
        return (
            f"{found.own_sitecustomize} would load the plugin, but Python takes {found.sitecustomize} instead.",
            f"Write {_LINES} into that file.",
        )
    if flags:
        return (
            f"The command open-webui starts Python with {flags}, so that the plugin's autoload line is not read.",
            "Start Open WebUI by `uvicorn openwebui_usage.asgi:app`, or install it without that option.",
        )
    if found.pth is None:
        return (
            "There is no autoload line in this environment: openwebui_usage.pth is missing from its site-packages.",
            "Install the wheel with pip; where there is no pip, see Docker in the documentation on installing.",
        )
    said = f" Python said: {found.error}" if found.error else ""
    return (
        f"{found.pth} is there and does not load the plugin.{said}",
        "Install the wheel again. If that does not help, start Open WebUI by `uvicorn openwebui_usage.asgi:app`.",
    )


def of_tables(revision: LedgerRevision, place: str) -> Check:
    """Whether this version can write the ledger at `place`."""
    if not revision.is_known:
        return fail(
            "tables",
            "The ledger in {ledger} was last used by a newer openwebui-usage (revision {revision}).",
            "Install that version or a later one. Until then calls wait on disk.",
            code="newer",
            ledger=place,
            revision=str(revision.found),
        )
    if revision.found is None:
        return warn(
            "tables",
            "There is no ledger in {ledger} yet.",
            "Start Open WebUI, which makes it.",
            code="none",
            ledger=place,
        )
    if revision.found != revision.newest:
        return warn(
            "tables",
            "The ledger in {ledger} is of revision {revision}, this version makes {newest}.",
            "Restart Open WebUI, which upgrades it.",
            code="older",
            ledger=place,
            revision=revision.found,
            newest=revision.newest,
        )
    return ok(
        "tables",
        "The ledger in {ledger} is of revision {revision}, the newest one.",
        code="newest",
        ledger=place,
        revision=revision.found,
    )
