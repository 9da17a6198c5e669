"""Exports, read back by what people read them with."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import openpyxl
import pyarrow
import pytest
from fastapi import FastAPI
from pyarrow import parquet
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from openwebui_usage.api import exports
from openwebui_usage.api.exports import MEDIA_TYPES, ExportFormat, encode, export_response

COLUMNS = {"who": str, "tokens": int, "cost": float, "sure": bool, "groups": list}
ROWS: list[tuple[Any, ...]] = [
    ('Zoë, the "first"\nof all', 5, 0.1, True, ["GPT", "all; of"]),
    ('=HYPERLINK("http://x")', -5, -1.5, False, []),
    ("#N/A", 2**60, 1e-09, None, ["=1+1"]),
    (None, None, None, None, None),
    ("", 0, 0.0, False, ["a"]),
]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
Server = Callable[..., httpx.Response]


def whole(format_: ExportFormat, rows: Iterable[Any] = ROWS) -> bytes:
    return b"".join(encode(COLUMNS, rows, format_))


def many(count: int) -> Iterator[tuple[Any, ...]]:
    return ((f"user {number}", number, number / 7, number % 2 == 0, [f"group {number}"]) for number in range(count))


def test_csv_is_plain() -> None:
    read = list(csv.reader(io.StringIO(whole("csv").decode(), newline="")))
    assert read == [
        ["who", "tokens", "cost", "sure", "groups"],
        ['Zoë, the "first"\nof all', "5", "0.1", "true", "GPT; all; of"],
        ['\'=HYPERLINK("http://x")', "-5", "-1.5", "false", ""],
        ["#N/A", "1152921504606846976", "0.000000001", "", "'=1+1"],
        ["", "", "", "", ""],
        ["", "0", "0.0", "false", "a"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_text_is_no_formula(start: str) -> None:
    [_, row] = csv.reader(
        io.StringIO(whole("csv", [(f"{start}1+1", -1, -0.5, True, [f"{start}2"])]).decode(), newline="")
    )
    assert row == [f"'{start}1+1", "-1", "-0.5", "true", f"'{start}2"], "numbers stay numbers"


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_left_out(cost: float) -> None:
    rows = [("a", 1, cost, True, [])]
    assert whole("csv", rows).splitlines()[1] == b"a,1,,true,"
    assert json.loads(whole("jsonl", rows))["cost"] is None
    assert openpyxl.load_workbook(io.BytesIO(whole("xlsx", rows))).active["C2"].value is None


def test_json_lines_have_all_values() -> None:
    lines = whole("jsonl").decode().splitlines()
    assert [list(json.loads(line).values()) for line in lines] == [list(row) for row in ROWS]
    assert all(list(json.loads(line)) == list(COLUMNS) for line in lines)


def test_xlsx_has_texts_and_numbers() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(whole("xlsx"))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == tuple(COLUMNS)
    assert rows[1] == ('Zoë, the "first"\nof all', 5, 0.1, True, "GPT; all; of")
    assert rows[2][:4] == ('=HYPERLINK("http://x")', -5, -1.5, False)
    assert sheet["A3"].data_type == "s" == sheet["A4"].data_type == sheet["E4"].data_type
    assert rows[3] == ("#N/A", 2**60, 1e-09, None, "=1+1")
    assert sheet.freeze_panes == "A2"


def test_xlsx_takes_texts_that_xml_does_not() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(whole("xlsx", [("a\x00b\x1fc" + "x" * 40_000, 1, 1.0, True, [])]))).active
    assert sheet["A2"].value.startswith("a�b�cx")
    assert len(sheet["A2"].value) == 32_767


def test_xlsx_goes_on_in_another_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_SHEET_ROWS", 1001)
    book = openpyxl.load_workbook(io.BytesIO(whole("xlsx", many(2500))))
    assert [sheet.max_row for sheet in book.worksheets] == [1001, 1001, 501]
    assert all(next(sheet.iter_rows(values_only=True)) == tuple(COLUMNS) for sheet in book.worksheets)
    assert [cell.value for sheet in book.worksheets for cell in sheet["B"][1:]] == list(range(2500))


def test_parquet_has_types() -> None:
    table = parquet.read_table(io.BytesIO(whole("parquet")))
    assert table.schema.types == [
        pyarrow.string(),
        pyarrow.int64(),
        pyarrow.float64(),
        pyarrow.bool_(),
        pyarrow.list_(pyarrow.string()),
    ]
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS


def test_a_parquet_file_has_its_types_also_without_values() -> None:
    nothing = parquet.read_table(io.BytesIO(whole("parquet", [(None,) * 5] * 3)))
    assert nothing.schema == parquet.read_table(io.BytesIO(whole("parquet"))).schema


@pytest.mark.parametrize("format_", FORMATS)
def test_no_rows_are_an_empty_table(format_: ExportFormat) -> None:
    empty = whole(format_, [])
    if format_ == "csv":
        assert empty.decode().split() == [",".join(COLUMNS)]
    elif format_ == "jsonl":
        assert empty == b""
    elif format_ == "xlsx":
        assert list(openpyxl.load_workbook(io.BytesIO(empty)).active.iter_rows(values_only=True)) == [tuple(COLUMNS)]
    else:
        assert parquet.read_table(io.BytesIO(empty)).num_rows == 0


@pytest.mark.parametrize("format_", FORMATS)
def test_a_long_export_takes_no_more_memory_than_a_short_one(
    format_: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            for _ in encode(COLUMNS, many(rows), format_):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    monkeypatch.setattr(exports, "_ROWS_PER_ROW_GROUP", 500)
    short, long = 1_000, 5_000
    peak(short)  # Libraries are imported, and what they cache is there.
    assert peak(long) < peak(short) * 1.1 + 50_000


@pytest.mark.parametrize("format_", ["xlsx", "parquet"])
def test_an_export_that_is_given_up_leaves_no_files(
    format_: ExportFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pieces = encode(COLUMNS, many(20_000), format_)
    assert next(pieces) == b""
    pieces.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
    assert whole(format_)
    assert list(tmp_path.iterdir()) == []


# -- as answers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Server:
    """GETs an export, with errors as a server makes answers of them."""

    def get(format_: ExportFormat, rows: Iterable[Any] = ROWS) -> httpx.Response:
        app = FastAPI()

        @app.get("/file")
        async def file() -> Response:
            return export_response(COLUMNS, rows, format_, "calls-2026-11")

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
                return await client.get("/file")

        return asyncio.run(ask())

    return get


@pytest.mark.parametrize("format_", FORMATS)
def test_the_answer_is_a_file_to_save(server: Server, format_: ExportFormat) -> None:
    answer = server(format_)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES[format_]
    assert answer.headers["content-disposition"] == f'attachment; filename="calls-2026-11.{format_}"'
    assert answer.headers["cache-control"] == "no-store"
    if format_ in ("csv", "jsonl"):
        assert answer.content == whole(format_)
    elif format_ == "xlsx":
        assert openpyxl.load_workbook(io.BytesIO(answer.content)).active["B2"].value == 5
    else:
        assert parquet.read_table(io.BytesIO(answer.content)).num_rows == len(ROWS)


@pytest.mark.parametrize(("format_", "library"), [("xlsx", "openpyxl"), ("parquet", "pyarrow")])
def test_a_missing_library_is_named(
    server: Server, monkeypatch: pytest.MonkeyPatch, format_: ExportFormat, library: str
) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda _: None)
    answer = server(format_)
    assert answer.status_code == 422
    [wrong] = answer.json()["detail"]
    assert wrong["loc"] == ["query", "format"]
    assert f"pip install {library}" in wrong["msg"]
    assert server("csv").status_code == 200


def failing(after: int) -> Iterator[tuple[Any, ...]]:
    yield from many(after)
    raise OperationalError("SELECT", None, Exception("the database is away"))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_database_that_is_away_is_told(server: Server, format_: ExportFormat) -> None:
    answer = server(format_, failing(0))
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The usage ledger's database is not available. Try again."}


@pytest.mark.parametrize("format_", ["xlsx", "parquet"])
def test_a_file_is_whole_or_not_there(server: Server, format_: ExportFormat) -> None:
    assert server(format_, failing(1_500 if format_ == "xlsx" else 20_000)).status_code == 503


def test_half_a_file_is_not_taken_for_a_whole_one(server: Server) -> None:
    with pytest.raises(Exception, match=r"away|already started"):
        server("csv", failing(20_000))


def test_the_event_loop_is_free_while_rows_are_read() -> None:
    """Rows that block for long keep nobody waiting; whoever goes away ends them."""
    import threading

    loop_ran, ended = threading.Event(), threading.Event()

    def rows() -> Iterator[tuple[Any, ...]]:
        try:
            yield from many(1000)
            assert loop_ran.wait(10), "the event loop ran meanwhile"
            yield from many(100_000_000)
        finally:
            ended.set()

    async def main() -> None:
        response = export_response(COLUMNS, rows(), "csv", "calls")
        sent: list[Any] = []
        gone = asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > 20:
                gone.set()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"spec_version": "2.3"}}
        answering = asyncio.create_task(response(scope, receive, send))
        await asyncio.sleep(0.2)
        loop_ran.set()
        await asyncio.wait_for(answering, 20)

    asyncio.run(main())
    assert ended.wait(10)
