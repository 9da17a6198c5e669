"""The companion of `openwebui-usage serve`: a process that lives as long as Open WebUI does.

    python -m openwebui_usage.demo URL [FD]

It tells when Open WebUI answers on URL, and serves the demo provider on the listening socket FD. Its standard input is
a pipe whose other end only Open WebUI's process holds: however that process ends, killed included, the pipe closes.
Then the demo goes down with it, and its connection is forgotten.
"""

import contextlib
import os
import select
import socket
import sys
import time
from threading import Thread
from urllib.request import OpenerDirector, ProxyHandler, build_opener

_LOOK_EVERY = 0.5


def main(url: str, demo_fd: int | None) -> None:
    if demo_fd is not None:
        Thread(target=_serve_demo, args=(socket.socket(fileno=demo_fd),), daemon=True).start()
    local = build_opener(ProxyHandler({}))
    started = time.monotonic()
    ready = False
    while not _ended(None if ready else _LOOK_EVERY):
        ready = _answers(local, f"{url}/health")
        if ready:
            sys.stdout.write(f"\nOpen WebUI is ready after {time.monotonic() - started:.0f} seconds: {url}\n\n")
            sys.stdout.flush()
            if demo_fd is None:
                return
    if demo_fd is not None:
        _forget_demo()


def _ended(timeout: float | None) -> bool:
    """Wait for the end of Open WebUI, at most `timeout` seconds. Nothing is ever written to the pipe."""
    return bool(select.select([sys.stdin], [], [], timeout)[0])


def _answers(local: OpenerDirector, url: str) -> bool:
    with contextlib.suppress(OSError), local.open(url, timeout=5) as response:
        return bool(response.status == 200)
    return False


def _serve_demo(listening: socket.socket) -> None:
    from openwebui_usage.demo.server import create_server

    create_server().run([listening])


def _forget_demo() -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from openwebui_usage.demo.connection import Saved, forget

    url = os.environ.get("DATABASE_URL")
    with contextlib.suppress(SQLAlchemyError):  # the next `serve` looks again
        if url:
            forget(url, Saved.DEMO, schema=os.environ.get("DATABASE_SCHEMA"))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
