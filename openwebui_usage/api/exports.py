"""Tables of any length as files: CSV, JSON Lines, XLSX and Parquet, with constant memory.

Rows are read and encoded step by step, on threads that do nothing else: the event loop and the threads of everybody
else stay free. CSV and JSON Lines are sent as they are made; XLSX and Parquet end with what a reader needs first, so
they go through a temporary file.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from importlib.util import find_spec
from itertools import islice
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, Literal, TypeVar

from fastapi import HTTPException, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from openwebui_usage.api.unavailable import ledger_unavailable

log = logging.getLogger(__name__)

ExportFormat = Literal["csv", "jsonl", "xlsx", "parquet"]
Columns = Mapping[str, type]
"""Names of columns, in order, and what is in them beside None: `str`, `int`, `float`, `bool`, or `list`: of texts."""
Row = Sequence[Any]
_Item = TypeVar("_Item")

MEDIA_TYPES: Mapping[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
SEPARATOR = "; "
"""Between the texts of a list, in formats that have no lists."""

_LIBRARIES: Mapping[str, str] = {"xlsx": "openpyxl", "parquet": "pyarrow"}
_ROWS_PER_STEP = 500
_ROWS_PER_ROW_GROUP = 10_000
_BYTES_PER_CHUNK = 256 * 1024
_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
"""What Excel holds (https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3)."""
_STARTS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet may take for the start of a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""

_executor = ThreadPoolExecutor(2, thread_name_prefix="usage-export")
"""Two: however many exports there are, they take no more than two turns at the interpreter from the event loop."""


def export_response(columns: Columns, rows: Iterable[Row], format: ExportFormat, filename: str) -> Response:  # noqa: A002
    """`rows` as a file to save, `filename` without its ending. As `file_response`."""
    return file_response(encode(columns, rows, format), format, filename)


def file_response(pieces: Iterator[bytes], format: ExportFormat, filename: str) -> Response:  # noqa: A002
    """A file to save that is made piece by piece, see `encode`. Neither makes one yet nor blocks.

    `pieces` is iterated by threads of the export, one after the other. Where the database is away before the first
    bytes are sent, the answer is 503; later the connection breaks, so that nobody takes half a file for a whole one.
    Raises 422 where the library for `format` is missing.
    """
    library = _LIBRARIES.get(format)
    if library and find_spec(library) is None:
        text = f'this server has no {library}: install it ("pip install {library}"), or take csv or jsonl'
        raise HTTPException(422, [{"type": "format", "loc": ("query", "format"), "msg": text}])
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}.{format}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return _Export(pieces, MEDIA_TYPES[format], headers)


def encode(columns: Columns, rows: Iterable[Row], format: ExportFormat) -> Iterator[bytes]:  # noqa: A002
    """The file's bytes, piece by piece. Empty pieces are steps of the work; close it to give up. Blocks."""
    encoders: Mapping[ExportFormat, Callable[[Columns, Iterable[Row]], Iterator[bytes]]] = {
        "csv": _csv,
        "jsonl": _json_lines,
        "xlsx": _xlsx,
        "parquet": _parquet,
    }
    return encoders[format](columns, rows)


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text[0] in _STARTS_FORMULA else text


class _Export(StreamingResponse):
    """Takes its first bytes before it answers at all, so that what fails until then is an answer of its own."""

    def __init__(self, pieces: Iterator[bytes], media_type: str, headers: Mapping[str, str]) -> None:
        self._pieces = _Pieces(pieces)
        super().__init__(self._chunks(), media_type=media_type, headers=headers)
        self._first = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            while not self._first and (piece := await self._pieces.next()) is not None:
                self._first = piece
                if not piece and await request.is_disconnected():
                    return
            await super().__call__(scope, receive, send)
        except SQLAlchemyError as error:
            raise ledger_unavailable(error) from error
        finally:
            self._pieces.close()

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield self._first
        while (piece := await self._pieces.next()) is not None:
            if piece:
                yield piece


class _Pieces:
    """A generator that blocks, run on the threads for exports."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._lock = Lock()
        """Whoever asks may be gone while a thread still makes a piece."""

    async def next(self) -> bytes | None:
        """None at the end."""
        return await asyncio.get_running_loop().run_in_executor(_executor, self._next)

    def close(self) -> None:
        """Give up what is left, as soon as a thread is free."""
        _executor.submit(self._close)

    def _next(self) -> bytes | None:
        with self._lock:
            return next(self._pieces, None)

    def _close(self) -> None:
        with self._lock:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()


def _csv(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """RFC 4180, in UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    cells = [_CSV_CELLS[kind] for kind in columns.values()]
    for part in _batches(rows, _ROWS_PER_STEP):
        writer.writerows([cell(value) for cell, value in zip(cells, row, strict=True)] for row in part)
        yield _take(buffer)
    yield _take(buffer)


def _take(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode(errors="replace")


def csv_text(value: str | None) -> str | None:
    """As `guarded`; nothing stays nothing."""
    return guarded(value) if value else value


def csv_number(value: float | None) -> float | str | None:
    """A number that every reader takes for one; None for what is none."""
    if value is None or not math.isfinite(value):
        return None
    if value == 0 or 1e-4 <= abs(value) < 1e16:
        return value
    return f"{Decimal(repr(value)):f}"  # Not every reader knows exponents.


def _csv_flag(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"


def csv_list(value: Iterable[str] | None) -> str | None:
    """Several texts in one cell."""
    return None if value is None else guarded(SEPARATOR.join(value))


def _same(value: _Item) -> _Item:
    return value


_CSV_CELLS: Mapping[type, Callable[[Any], Any]] = {
    str: csv_text,
    int: _same,
    float: csv_number,
    bool: _csv_flag,
    list: csv_list,
}


def _json_lines(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """An object a line."""
    names = tuple(columns)
    encode_line = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for part in _batches(rows, _ROWS_PER_STEP):
        lines = [encode_line(dict(zip(names, map(json_value, row), strict=True))) for row in part]
        yield ("\n".join(lines) + "\n").encode(errors="replace")


def json_value(value: Any) -> Any:
    """None for a number that JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _xlsx(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """As many sheets as it takes; texts are texts, whatever they begin with."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell

    book = openpyxl.Workbook(write_only=True)
    sheet: Any = None

    def text(value: str) -> str | Cell:
        if not value.isprintable():
            value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        value = value[:_CELL_CHARACTERS]
        if value[:1] not in ("=", "#"):
            return value
        cell = WriteOnlyCell(sheet, value)
        cell.data_type = "s"  # No formula, and no error such as #N/A.
        return cell

    cells: Mapping[type, Callable[[Any], Any]] = {
        str: text,
        list: lambda value: text(SEPARATOR.join(value)),
        int: _same,
        bool: bool,
        float: lambda value: value if math.isfinite(value) else None,
    }
    to_cells = [cells[kind] for kind in columns.values()]
    is_saved = False
    try:
        filled = 0
        for part in _batches(rows, _ROWS_PER_STEP, at_least_one=True):
            if sheet is None or filled + len(part) > _SHEET_ROWS:
                sheet = book.create_sheet(f"Sheet {len(book.worksheets) + 1}")
                sheet.freeze_panes = "A2"
                sheet.append(tuple(columns))
                filled = 1
            for row in part:
                sheet.append(
                    [None if value is None else cell(value) for cell, value in zip(to_cells, row, strict=True)]
                )
            filled += len(part)
            yield b""
        with TemporaryFile() as file:
            book.save(file)
            is_saved = True
            yield from _read(file)
    finally:
        if not is_saved:
            _discard(book)


def _discard(book: Any) -> None:
    """Remove the files that openpyxl keeps the sheets of a book in until it is saved."""
    for sheet in book.worksheets:
        with suppress(Exception):
            if not sheet.closed:
                sheet.close()
            sheet._writer.cleanup()


def _parquet(columns: Columns, rows: Iterable[Row]) -> Iterator[bytes]:
    """The columns are of the same types whatever is in them, so that files can be put together."""
    import pyarrow
    from pyarrow import parquet

    kinds = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        list: pyarrow.list_(pyarrow.string()),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    with TemporaryFile() as file:
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for part in _batches(rows, _ROWS_PER_ROW_GROUP):
                values = zip(*part, strict=True)
                arrays = [pyarrow.array(value, field.type) for value, field in zip(values, schema, strict=True)]
                writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
                yield b""
        yield from _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_BYTES_PER_CHUNK):
        yield chunk


def _batches(items: Iterable[_Item], size: int, *, at_least_one: bool = False) -> Iterator[list[_Item]]:
    """`at_least_one`: an empty one where there are no items at all."""
    iterator = iter(items)
    batch = list(islice(iterator, size))
    if not batch and at_least_one:
        yield batch
    while batch:
        yield batch
        batch = list(islice(iterator, size))
