"""Open WebUI's libraries, imported once: each deployment is a fork of this process, and need not import them again.

Of some 26 seconds of CPU that a start takes, 18 are for PyTorch, LangChain and the like. This file runs with the
interpreter of an environment without the plugin, `python forkserver.py SOCKET`, and never imports Open WebUI itself. A
fork gets the environment variables, folder, output, arguments and paths of a process of its own, reads its
environment's `.pth` files as any start of an interpreter does, and then runs the command.

Each connection to the socket is one fork: a line of JSON in, `{"pid": …}` out, and `{"exit": …}` once it has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import selectors
import signal
import site
import socket
import sys
import time
import warnings
from typing import Any

LIBRARIES = (
    "PIL.Image",
    "aiocache",
    "aiohttp",
    "alembic.command",
    "authlib.integrations.starlette_client",
    "azure.identity",
    "azure.storage.blob",
    "black",
    "boto3",
    "bs4",
    "chromadb",
    "fastapi",
    "google.cloud.storage",
    "httpx2",
    "langchain_classic.retrievers",
    "ldap3",
    "mcp",
    "redis.asyncio",
    "sqlalchemy.ext.asyncio",
    "typer",
    "uvicorn",
)
"""What Open WebUI imports itself and takes long. One that a version does not have is left out."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the end; what comes back is a fork, with its task."""
    del sys.path[0]  # This file's folder: none of Open WebUI's imports are meant for it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
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
    """Be the process that `task` describes: `command` (a Python script and its arguments), `env`, `cwd` and `log`, and
    its environment's `prefix` and `site_packages`.
    """
    nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(task["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
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
    sys.path[:] = [os.path.dirname(sys.argv[0]), *(path for path in sys.path if path not in packages)]
    sys.path_importer_cache.clear()
    site.addsitedir(task["site_packages"])
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
