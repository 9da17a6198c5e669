"""Libraries, imported once: each program that needs them is a fork of this process, and need not import them again.

Of some 26 seconds of CPU that a start of Open WebUI takes, 18 are for PyTorch, LangChain and the like. This file runs
with the interpreter of an environment without the program, `python forkserver.py SOCKET LIBRARY…`, and never imports
that itself. A fork gets the environment variables, folder, output, arguments and paths of a process of its own, reads
its environment's `.pth` files as any start of an interpreter does, and then runs the command.

Each connection to the socket is one fork: a line of JSON in, `{"pid": …}` out, and `{"exit": …}` once it has ended.
Workers that Uvicorn starts in such a fork are forks again, of what it was before it imported Open WebUI.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.spawn
import os
import pkgutil
import runpy
import selectors
import signal
import site
import socket
import sys
import time
import warnings
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the end; what comes back is a fork, with its task."""
    del sys.path[0]  # This file's folder: none of Open WebUI's imports are meant for it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sys.argv[2:]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # The forks share these pages for as long as nobody writes to them.
    become(serve(sys.argv[1]))


def serve(path: str) -> dict[str, Any]:
    """Fork for whoever asks. Returns in the fork, and there only."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        selector = stack.enter_context(selectors.DefaultSelector())
        listener.bind(path)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
        clients: dict[int, socket.socket] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is not listener:
                    report(key.data, clients.pop(key.data))
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    continue
                client, _ = listener.accept()
                with client.makefile() as lines:
                    task: dict[str, Any] = json.loads(lines.readline())
                parent, pid = os.getpid(), os.fork()
                if pid == 0:
                    end_with(parent)
                    client.sendall(b'{"pid": %d}\n' % os.getpid())
                    for other in (client, *clients.values()):
                        other.close()
                    for other_key in list(selector.get_map().values()):
                        if other_key.fileobj is not listener:
                            os.close(other_key.fd)
                    return task
                clients[pid] = client
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)


def report(pid: int, client: socket.socket) -> None:
    """Tell how a fork ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError), client:
        client.sendall(b'{"exit": %d}\n' % code)


def end_with(parent: int) -> None:
    """A process group of one's own, and a termination signal when the parent dies, however that dies."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def become(task: dict[str, Any]) -> None:
    """Be the process that `task` describes: `command` (a Python script, or -m and a module, and its arguments), `env`,
    `cwd` and `log`, and its environment's `prefix` and `site_packages`.
    """
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(task["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["env"])
    time.tzset()
    sys.argv = list(task["command"])
    packages = site.getsitepackages()
    sys.prefix = sys.exec_prefix = task["prefix"]
    sys.executable = os.path.join(task["prefix"], "bin", "python")
    multiprocessing.set_executable(sys.executable)
    site.PREFIXES = [sys.prefix]
    # The script's folder, the standard library, and whatever the .pth files of the environment itself bring.
    is_module = sys.argv[0] == "-m"
    ahead = [os.getcwd() if is_module else os.path.dirname(sys.argv[0]), *os.environ.get("PYTHONPATH", "").split(":")]
    sys.path[:] = [*filter(None, ahead), *(path for path in sys.path if path not in packages)]
    sys.path_importer_cache.clear()
    site.addsitedir(task["site_packages"])
    shorten_changelog()
    if task["env"].get("UVICORN_WORKERS", "1") != "1":
        fork_workers()
    if is_module:
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


def shorten_changelog() -> None:
    """Let Open WebUI have the newest entries of its changelog: to read all takes half of what is left of a start."""
    get_data = pkgutil.get_data

    def get_less(package: str, resource: str) -> bytes | None:
        data = get_data(package, resource)
        if data and (package, resource) == ("open_webui", "CHANGELOG.md"):
            return b"\n## [".join(data.split(b"\n## [")[:6])
        return data

    pkgutil.get_data = get_less


def fork_workers() -> None:
    """Let Uvicorn's workers be forks of this process as it is now, where it would start an interpreter for each.

    This is what multiprocessing's own fork server does for any program, only that its process is here already, and that
    a worker gets the environment variables as they are when it starts, as a new interpreter would.
    """
    spawn: Any = multiprocessing.spawn
    told, prepare = spawn.get_preparation_data, spawn.prepare

    def prepare_here(data: dict[str, Any]) -> None:
        os.environ.clear()
        os.environ.update(data.pop("environ"))
        prepare(data)

    spawn.get_preparation_data = lambda name: {**told(name), "environ": dict(os.environ)}
    spawn.prepare = prepare_here
    address = f"\0openwebui-usage-tests-{os.getpid()}"  # No file that somebody would have to delete.
    ended, alive = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            try:
                multiprocessing.forkserver.main(listener.detach(), ended, [])
            finally:
                os._exit(0)
    os.close(ended)
    server: Any = multiprocessing.forkserver._forkserver  # type: ignore[attr-defined]
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, alive, pid
    uvicorn: Any = importlib.import_module("uvicorn._subprocess")
    uvicorn.spawn = multiprocessing.get_context("forkserver")


if __name__ == "__main__":
    main()
