"""Spool files, in which rows wait while the database is away: one line of JSON per row, synced to disk."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from io import BufferedReader, FileIO
from itertools import islice
from pathlib import Path
from typing import Any

from openwebui_usage.ledger.bounds import bounded_count
from openwebui_usage.ledger.rows import CallRow
from openwebui_usage.rules.tokens import TokenUsage

try:
    import fcntl
except ImportError:  # Windows has one worker and no flock.
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

BATCH = 1000
"""The most rows that are replayed in one batch."""
_WAITING = "calls-*.jsonl"
_REJECTED = "rejected.jsonl"


class Spool:
    """Files in `folder`. Each process appends to its own file and keeps that locked as long as it lives.

    An unlocked file was left by a process that has ended. The first process that finds it takes it over.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made for the first row."""
        self.folder = folder
        self._unreadable: set[Path] = set()
        self._file: FileIO | None = None
        self._lock = threading.Lock()

    def append(self, rows: Sequence[CallRow]) -> None:
        """Write `rows` to disk, all or none. Raises OSError if the disk is full or unavailable."""
        lines = b"".join(map(_line, rows))
        with self._lock:
            if self._file is None:
                self._file = _create(self.folder)
            _append(self._file, lines)

    def replay(self, write: Callable[[list[CallRow]], None]) -> int:
        """Pass the rows of this process, and of processes that have ended, to `write`, and then delete them.

        Returns their number. An exception in `write` ends the replay. All rows of that file then remain, including
        those that were already written.
        """
        with self._lock:
            mine, self._file = self._file, None  # New rows go to a new file from now on.
        count = 0 if mine is None else self._empty(mine, write)
        return count + sum(self._empty(file, write) for file in self._abandoned())

    def reject(self, row: CallRow) -> None:
        """Set aside a row that the database will never accept, to be looked at by a person."""
        self._set_aside(_line(row))

    def counts(self) -> tuple[int, int]:
        """The number of rows that wait in all files of the folder, and of those that were set aside."""
        waiting = sum(_count_lines(path) for path in self.folder.glob(_WAITING))
        return waiting, _count_lines(self.folder / _REJECTED)

    def files(self) -> list[Path]:
        """All files of the folder that a spool made."""
        return [path for path in (*sorted(self.folder.glob(_WAITING)), self.folder / _REJECTED) if path.exists()]

    def close(self) -> None:
        """Release the file to other processes, as the end of this process would."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _empty(self, file: FileIO, write: Callable[[list[CallRow]], None]) -> int:
        count = 0
        path = Path(str(file.name))
        file.seek(0)
        with BufferedReader(file) as lines:
            rows = self._read(lines, path)
            while batch := list(islice(rows, BATCH)):
                write(batch)
                count += len(batch)
            file.truncate(0)  # Before the lock is released, so that a process that has just opened it finds nothing.
        path.unlink(missing_ok=True)
        return count

    def _abandoned(self) -> Iterator[FileIO]:
        for path in sorted(self.folder.glob(_WAITING)):
            try:
                file = FileIO(path, "r+")
            except FileNotFoundError:  # Another process was faster.
                continue
            except OSError as error:  # The other files must not wait for this one.
                if path not in self._unreadable:
                    self._unreadable.add(path)
                    log.error("A spool file cannot be read, its calls are not counted until it can: %s", error)
                continue
            if _try_lock(file):
                yield file
            else:
                file.close()

    def _read(self, lines: Iterable[bytes], path: Path) -> Iterator[CallRow]:
        for line in lines:
            try:
                row = CallRow.from_json(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                if line.endswith(b"\n"):
                    log.error("Set aside an unreadable line of %s", path)
                    self._set_aside(line)
                # An incomplete line: the process died while writing it, so the row was never reported as durable.
                continue
            yield row

    def _set_aside(self, line: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileIO(self.folder / _REJECTED, "a", opener=_open_private) as file:
            _append(file, line)


def _line(row: CallRow) -> bytes:
    """One line of JSON. A usage payload that is not valid JSON, or nested endlessly, is left out."""
    try:
        return json.dumps(row.to_json(), default=str).encode() + b"\n"
    except (ValueError, TypeError, RecursionError):
        counts: dict[str, Any] = {
            item.name: bounded_count(getattr(row.usage, item.name)) for item in fields(TokenUsage)
        }
        usage = TokenUsage(**{**counts, "estimated": row.usage.estimated})
        return json.dumps(replace(row, usage=usage, raw_usage=None).to_json(), default=str).encode() + b"\n"


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError:  # There is none, or it has been replayed meanwhile.
        return 0


def _create(folder: Path) -> FileIO:
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / f"calls-{uuid.uuid4().hex}.jsonl"
        file = FileIO(path, "x+", opener=_open_private)
        if _try_lock(file) and os.fstat(file.fileno()).st_nlink:
            break
        file.close()  # Another process has taken over the file while it was empty and unlocked.
    if fcntl is not None:
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)  # Also sync the directory entry.
        os.close(descriptor)
    return file


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _append(file: FileIO, lines: bytes) -> None:
    """Append all of `lines` and sync them to disk, or nothing."""
    end = file.seek(0, os.SEEK_END)
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def _try_lock(file: FileIO) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
