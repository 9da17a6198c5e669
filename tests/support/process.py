"""Processes that end with the test that started them, and free ports for them."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


# Below the ports that the kernel hands out by itself (from 32768 on), begun anywhere: of several runs, or processes of
# one, none gets a port that another has only just chosen and not yet taken.
_FIRST_PORT, _PORTS = 12_000, 20_000
_candidates = itertools.count(random.SystemRandom().randrange(_PORTS))


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on; never the same one twice."""
    for number in itertools.islice(_candidates, _PORTS):
        port = _FIRST_PORT + number % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def wait_until(
    is_so: Callable[[], object],
    *,
    timeout: float,
    what: str,
    every: float = 0.05,
    details: Callable[[], str] = lambda: "",
) -> None:
    """Return once `is_so()` holds; fail with `what` (and `details`) after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout:g} s\n{details()}".rstrip())
        time.sleep(every)


class Fork(Protocol):
    """What a process needs of whoever started it, as `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


class Process:
    """A command in a process group of its own, writing to `log`.

    It gets a termination signal when the test run dies, however that dies.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        user: str | None = None,
        fork: Callable[..., Fork] | None = None,
    ) -> None:
        """`fork` starts it in another way than the system does: it is given `command`, `env`, `cwd` and `log`."""
        self.log = log
        self._popen: Fork
        if fork:
            log.touch()  # The fork opens it only after it has told its id.
            self._popen = fork(command, env=env, cwd=cwd, log=log)
            return
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def stop(self, how: signal.Signals = signal.SIGTERM, *, timeout: float = 20) -> int | None:
        """Ask the process to end, wait, and kill what is left of its group."""
        if self.running:
            self._popen.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout)
        self.kill()
        return self.exit_code

    def kill(self) -> None:
        """SIGKILL for the whole group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def log_tail(self, lines: int = 60) -> str:
        if not self.log.exists():
            return ""
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return f"--- the end of {self.log}\n" + "\n".join(text)


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
