"""Where a command writes what it makes: a file, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from openwebui_usage.client.commands.output import fail

_FILES_ALONE = frozenset(("xlsx", "parquet"))


def need_file(format_: str, output: Path | None) -> None:
    """End the command where a format is nothing for a terminal or a pipe, and no file is named."""
    if output is None and format_ in _FILES_ALONE:
        fail(f"--output: {format_} needs a file")


def write(pieces: Iterable[bytes], output: Path | None) -> None:
    """Write all pieces; ends the command where that is not possible."""
    try:
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
    except (OSError, ImportError) as error:
        fail(f"--output: {error}")
