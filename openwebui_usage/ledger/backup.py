"""Copies of a ledger in a SQLite file, made while calls go on, and put back in its place.

PostgreSQL has tools of its own, which know all of a database.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SPOOL = "usage-spool"
_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a file. Beside another one than it was made for it would damage that."""


class NotWhole(Exception):
    """A copy is damaged or missing. The text is a sentence."""


class InUse(Exception):
    """A process has the ledger open. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """Where everything of a ledger is."""

    database: Path
    spool: Path
    """The folder where calls wait while the database is away."""
    secret: Path | None = None
    """The file that tokens are hashed with, where there is one of our own."""


def back_up(files: LedgerFiles, folder: Path) -> list[Path]:
    """Copy all of a ledger into a new folder, readable by its owner alone. Returns the copies.

    Raises `FileExistsError` where the folder is there, and OSError or sqlite3.Error where that does not work; then
    there is no such folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    try:
        return list(_back_up(files, folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _back_up(files: LedgerFiles, folder: Path) -> Iterator[Path]:
    # Calls that wait come first: those that are written meanwhile are in both, and counted once by their ids.
    for waiting in _spooled(files.spool):
        yield _copy(waiting, folder / _SPOOL / waiting.name)
    target = folder / files.database.name
    with _private(), closing(_opened(files.database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # One file, without others beside it.
    check_whole(target)
    yield target
    if files.secret is not None and files.secret.exists():
        yield _copy(files.secret, folder / files.secret.name)


def restore(files: LedgerFiles, folder: Path, aside: str) -> list[Path]:
    """Put a copy in the place of a ledger that no process uses. Returns what was put there.

    What was there before stays beside it, with `aside` behind its name. Raises `NotWhole`, `InUse`, and OSError.
    """
    copy = folder / files.database.name
    check_whole(copy)
    _check_unused(files.database)
    for path in (files.database, *(files.database.with_name(files.database.name + end) for end in _BESIDE)):
        if path.exists():
            path.replace(path.with_name(f"{path.name}{aside}"))
    if files.spool.exists():
        files.spool.replace(files.spool.with_name(f"{files.spool.name}{aside}"))
    put = [_copy(copy, files.database)]
    put += [_copy(waiting, files.spool / waiting.name) for waiting in _spooled(folder / _SPOOL)]
    if files.secret is not None and (folder / files.secret.name).exists():
        if files.secret.exists():
            files.secret.replace(files.secret.with_name(f"{files.secret.name}{aside}"))
        put.append(_copy(folder / files.secret.name, files.secret))
    return put


def check_whole(database: Path) -> None:
    """Raise `NotWhole` where a file is no ledger, or damaged."""
    if not database.exists():
        raise NotWhole(f"There is no {database.name} in {database.parent}.")
    try:
        with closing(_opened(database)) as connection:
            [found] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT 1 FROM usage_call LIMIT 1").fetchall()
    except sqlite3.Error as error:
        raise NotWhole(f"{database} is no ledger: {error}.") from error
    if found != "ok":
        raise NotWhole(f"{database} is damaged: {found}.")


def _check_unused(database: Path) -> None:
    """A process that has the file open would go on writing to the one that is set aside. Raises `InUse`."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # Else a WAL's readers do not count.
            connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:  # What is damaged may be replaced all the more.
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise InUse(f"{database} is in use: stop the server first.") from None


def _opened(database: Path) -> sqlite3.Connection:
    """To read alone: where there is no file, none is made."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)


def _spooled(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.jsonl"))


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _private():
        shutil.copyfile(source, target)
    return target


@contextmanager
def _private() -> Iterator[None]:
    """What is made meanwhile is for its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
