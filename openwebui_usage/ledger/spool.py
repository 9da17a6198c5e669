"""Where rows wait while the database is away: one JSON line a row, on disk before anybody is told that it is safe."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path

from openwebui_usage.ledger.calls import CallRow

try:
    import fcntl
except ImportError:  # Windows has one worker and no flock.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

BATCH = 1000
"""Rows that are handed back at once, however long the database was away."""


class Spool:
    """Files in `folder`. Each process appends to a file of its own and holds a lock on it for as long as it lives.

    A file that nobody holds was left by a process that died; whoever finds it first takes it over.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first row needs it."""
        self._folder = folder
        self._file: FileIO | None = None
        self._lock = threading.Lock()

    def append(self, rows: Sequence[CallRow]) -> None:
        """Put `rows` on disk. Raises OSError where the disk is full or away too; then none of them is in the file."""
        lines = _lines(row.to_json() for row in rows)
        with self._lock:
            if self._file is None:
                self._file = _create(self._folder)
            end = self._file.seek(0, os.SEEK_END)
            try:
                _write(self._file, lines)
            except OSError:
                self._file.truncate(end)
                raise

    def replay(self, write: Callable[[list[CallRow]], None]) -> int:
        """Hand every row that is ours or nobody's to `write`, and forget it after that. Returns how many there were.

        What `write` raises ends the replay; the rows of that file stay, also those that were written.
        """
        with self._lock:
            mine, self._file = self._file, None  # From now on new rows go to a new file.
        return (_replay_file(mine, write, self._set_aside) if mine else 0) + sum(
            _replay_file(file, write, self._set_aside) for file in self._abandoned()
        )

    def reject(self, row: CallRow) -> None:
        """Set aside a row that the database will never take, for a person to look at."""
        self._set_aside(_lines([row.to_json()]))

    def _abandoned(self) -> Iterator[FileIO]:
        for path in sorted(self._folder.glob("calls-*.jsonl")):
            try:
                file = FileIO(path, "r+")
            except FileNotFoundError:  # Another process was quicker.
                continue
            if _try_lock(file):
                yield file
            else:
                file.close()

    def _set_aside(self, lines: bytes) -> None:
        with FileIO(self._folder / "rejected.jsonl", "a") as file:
            _write(file, lines)


def _create(folder: Path) -> FileIO:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"calls-{uuid.uuid4().hex}.jsonl"
    file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "r+")
