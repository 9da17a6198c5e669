"""Where rows wait while the database is away: one JSON line a row, on disk before anybody is told that it is safe."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from io import BufferedRandom
from pathlib import Path

from openwebui_usage.ledger.calls import CallRow

try:
    import fcntl
except ImportError:  # Windows has one worker and no flock.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


class Spool:
    """Files in `folder`. Each process appends to a file of its own and holds a lock on it for as long as it lives.

    A file that nobody holds was left by a process that died; whoever finds it first takes it over.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first row needs it."""
        self._folder = folder
        self._path = folder / f"calls-{uuid.uuid4().hex}.jsonl"
        self._file: BufferedRandom | None = None
        self._lock = threading.Lock()

    def append(self, rows: Sequence[CallRow]) -> None:
        """Put `rows` on disk. Raises OSError where the disk is full or away too."""
        lines = "".join(f"{json.dumps(row.to_json())}\n" for row in rows).encode()
        with self._lock:
            file = self._file or self._open()
            end = file.seek(0, os.SEEK_END)
            try:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)  # No half line stays behind.
                raise

    def take(self) -> Iterator[tuple[Path, list[CallRow]]]:
        """Every file that is ours or nobody's, with its rows. `forget` a path once its rows are in the database."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
                waiting = self._path.with_suffix(f".{uuid.uuid4().hex[:8]}.jsonl")
                self._path.rename(waiting)
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("calls-*.jsonl")):
            with path.open("rb+") as file:
                if not _try_lock(file):
                    continue
                yield path, list(_read(file))

    def forget(self, path: Path) -> None:
        """The rows of `path` are safe in the database."""
        path.unlink(missing_ok=True)

    def reject(self, row: CallRow) -> None:
        """Set aside a row that the database will never take, for a person to look at."""
        with (self._folder / "rejected.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row.to_json())}\n")

    def _open(self) -> BufferedRandom:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "rb+")
        _try_lock(self._file)
        return self._file


def _try_lock(file: BufferedRandom) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(file: BufferedRandom) -> Iterator[CallRow]:
    for line in file:
        try:
            yield CallRow.from_json(json.loads(line))
        except (ValueError, TypeError, KeyError):
            # The process died while it wrote this line, so nobody was told that the row was safe.
            log.warning("Left out an unreadable line of %s", file.name)
