"""The official image without a Docker engine: its file layout, in a mount namespace, over the Open WebUI of the tests.

What Docker does with layers, overlay mounts do here: Python and its packages below, what was installed on top. Unlike
in the tests' environments Python is the system's own, and Open WebUI no package but a folder, /app/backend/open_webui.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.host import HostEnvironment
from tests.support.process import Process

START = """#!/usr/bin/env bash
# What the image's own script comes to: a secret key, then Uvicorn beside the package.
cd /app/backend || exit
if [[ ! $WEBUI_SECRET_KEY ]]; then
  [[ -e .webui_secret_key ]] || head -c 12 /dev/urandom | base64 >.webui_secret_key
  WEBUI_SECRET_KEY=$(<.webui_secret_key)
fi
export WEBUI_SECRET_KEY
exec python -m uvicorn open_webui.main:app --host "${HOST:-0.0.0.0}" --port "${PORT:-8080}" \\
  --forwarded-allow-ips "*" --workers "${UVICORN_WORKERS:-1}"
"""
LAYERS = {
    "local": "usr/local",
    "packages": "usr/local/lib/{python}/site-packages",
    "open_webui": "app/backend/open_webui",
}
"""What may be written in a container, and where it lies there."""
PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin"
ENV = {
    "PATH": PATH,
    "LD_LIBRARY_PATH": "/usr/local/lib",
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "ENV": "prod",
    "DOCKER": "true",
    "WEBUI_SECRET_KEY": "",
}
CAN_MOUNT = (
    "mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b && mount -t overlay -o lowerdir=/mnt/a:/mnt/b overlay /mnt"
)


def why_not() -> str | None:
    """Why there can be no image here, or None."""
    if os.geteuid() != 0:
        return "only root may mount file systems"
    done = subprocess.run(["unshare", "--mount", "bash", "-c", CAN_MOUNT], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"nothing may be mounted here: {done.stderr.strip()}"


class Image:
    """One image. A command that is run in it may change it, as a line of a Dockerfile does, or not."""

    def __init__(self, host: HostEnvironment, directory: Path) -> None:
        """`host` is bare Open WebUI, and stays as it is."""
        self._packages = host.site_packages
        self._python = host.site_packages.parent.name
        self._prefix = Path(
            subprocess.check_output([host.python, "-c", "import sys; print(sys.base_prefix)"], text=True).strip()
        )
        self._directory = directory
        self._root = directory / "root"
        for layer in LAYERS:
            (directory / layer).mkdir(parents=True)
            (directory / f"{layer}.work").mkdir()
        for gone in ("open_webui", *(path.name for path in self._packages.glob("open_webui-*.dist-info"))):
            os.mknod(directory / "packages" / gone, 0o020600, 0)  # How an overlay says that there is no such file.
        pip = directory / "local" / "bin" / "pip"  # Python's own begins with the path that it has on this machine.
        pip.parent.mkdir()
        pip.write_text("#!/usr/local/bin/python\nfrom pip._internal.cli.main import main\nraise SystemExit(main())\n")
        pip.chmod(0o755)
        for folder in ("app/build", "app/backend/open_webui", "app/backend/data", "root", "tmp", "usr", "etc", "proc"):
            (self._root / folder).mkdir(parents=True)
        for folder in ("dev", "bin", "sbin", "lib", "lib64"):
            (self._root / folder).mkdir()
        backend = self._root / "app" / "backend"
        (backend / "start.sh").write_text(START)
        version = next(self._packages.glob("open_webui-*.dist-info")).name.removesuffix(".dist-info").split("-")[1]
        (self._root / "app" / "package.json").write_text(json.dumps({"version": version}))
        (self._root / "app" / "CHANGELOG.md").write_text("# Changelog\n")

    def run(self, command: str | Sequence[str], **options: object) -> str:
        """Run a command to its end; returns what it printed. Options are those of `start`, without `log`."""
        done = subprocess.run(
            self._command(command, **options),  # type: ignore[arg-type]
            env=self._environment(options),
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def start(self, *, log: Path, **options: object) -> Process:
        """Open WebUI as a container, by the image's own command.

        `volumes` are folders by where they lie in the container, `:ro` at its end where only to be read; `user` is a
        number; `read_only` as `docker run --read-only --tmpfs /tmp`; `env` as its `-e`.
        """
        command = self._command(["bash", "start.sh"], **options)  # type: ignore[arg-type]
        return Process(command, env=self._environment(options), cwd=Path("/"), log=log)

    @staticmethod
    def _environment(options: Mapping[str, object]) -> dict[str, str]:
        given = options.get("env") or {}
        assert isinstance(given, Mapping)
        return {**ENV, **given}

    def _command(
        self,
        command: str | Sequence[str],
        *,
        volumes: Mapping[str, Path] | None = None,
        user: int = 0,
        read_only: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> list[str]:
        inside = command if isinstance(command, str) else shlex.join(command)
        root = shlex.quote(str(self._root))
        lines = ["set -e", f"cd {root}", f"mount --bind {root} {root}", f"cd {root}"]
        # The machine's own programs stand for those of the image's Debian.
        for folder in ("usr", "bin", "sbin", "lib", "lib64", "etc"):
            lines += [f"mount --bind /{folder} {folder}", f"mount -o remount,bind,ro {folder}"]
        lines += ["mount --rbind /dev dev", "mount -t proc proc proc"]
        below = {"local": self._prefix, "packages": self._packages, "open_webui": self._packages / "open_webui"}
        for layer, place in LAYERS.items():
            upper = shlex.quote(str(self._directory / layer))
            how = f"lowerdir={shlex.quote(str(below[layer]))},upperdir={upper},workdir={upper}.work"
            how += ",ro" * read_only
            lines.append(f"mount -t overlay overlay -o {how} {place.format(python=self._python)}")
        lines += [
            f"mount --bind {shlex.quote(str(self._packages / 'open_webui' / 'frontend'))} app/build",
            "mount -o remount,bind,ro app/build",
        ]
        for place, folder in (volumes or {}).items():
            inner = shlex.quote(place.removesuffix(":ro").lstrip("/"))
            lines += [f"mkdir -p {inner}", f"mount --bind {shlex.quote(str(folder))} {inner}"]
            if place.endswith(":ro"):
                lines.append(f"mount -o remount,bind,ro {inner}")
        if read_only:
            lines.append(f"mount -o remount,bind,ro {root}")
        lines.append("mount -t tmpfs -o mode=1777 tmpfs tmp")
        given = f"setpriv --reuid {user} --regid {user} --clear-groups" if user else ""
        lines.append(f"exec chroot . {given} bash -c {shlex.quote('cd /app/backend && exec ' + inside)}")
        return ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/bash", "-c", "\n".join(lines)]
