"""Calls as files: the same as `exports.encode` makes of `call_table`, in a fraction of the time.

Who, what, where and how is the same for all calls of a combination, and is encoded once. Of the rest, texts are few and
remembered, and numbers need no quotes. So a line is put together rather than encoded.
"""

from __future__ import annotations

import csv
import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from openwebui_usage.api.answers.calls import CALL_COLUMNS, COMBINATION_COLUMNS, call_table, combination_values
from openwebui_usage.api.exports import ExportFormat, csv_list, csv_number, csv_text, encode
from openwebui_usage.ledger.call_log import Call, CallBatch, StoredCall
from openwebui_usage.rules.money import NANO

_ROWS_PER_PIECE = 250
"""So few that others wait for the interpreter's lock for about a millisecond."""
_MOST_REMEMBERED = 20_000
_PLAIN_FROM = 100_000
"""Nano-dollars. Smaller amounts are written with an exponent by Python."""


def encode_calls(
    batches: Iterable[CallBatch],
    zone: ZoneInfo,
    format: ExportFormat,  # noqa: A002
    shown: Callable[[Call], Call] | None = None,
) -> Iterator[bytes]:
    """The file's bytes, piece by piece. Close it to give up. Blocks.

    `shown` makes of a call's facts what may be told of them; it is the same for all calls of a combination.
    """
    if format == "csv":
        yield f"{_csv_cells(CALL_COLUMNS)}\r\n".encode()
        yield from _encode(_CsvLines(zone, shown), batches)
    elif format == "jsonl":
        yield from _encode(_JsonLines(zone, shown), batches)
    else:
        calls = (call for batch in batches for call in batch.calls())
        yield from encode(CALL_COLUMNS, call_table(map(shown, calls) if shown else calls, zone), format)


def _encode(lines: _Lines, batches: Iterable[CallBatch]) -> Iterator[bytes]:
    for batch in batches:
        for start in range(0, len(batch.rows), _ROWS_PER_PIECE):
            yield lines.of(batch, batch.rows[start : start + _ROWS_PER_PIECE]).encode(errors="replace")


class _Lines(ABC):
    """Makes lines of calls, and remembers what many of them have in common."""

    def __init__(self, zone: ZoneInfo, shown: Callable[[Call], Call] | None) -> None:
        self._moment = _Moments(zone).text
        self._shown = shown
        self._combinations: dict[int, tuple[str, str]] = {}
        self._texts: dict[str | None, str] = {}

    @abstractmethod
    def of(self, batch: CallBatch, rows: Sequence[StoredCall]) -> str:
        """The lines of some rows of a batch."""

    @abstractmethod
    def _encode_combination(self, call: Call) -> tuple[str, str]:
        """The columns from `user` to `key`, and `usage_groups`."""

    @abstractmethod
    def _encode_text(self, text: str | None) -> str:
        """One text, or nothing."""

    def _combination(self, batch: CallBatch, row: StoredCall) -> tuple[str, str]:
        number = row.combination
        if number is None or number not in batch.facts:  # No two of these need be alike.
            return self._made(batch, row)
        key = number if row.id >= batch.recorded_from else -number
        known = self._combinations.get(key)
        if known is None:
            if len(self._combinations) >= _MOST_REMEMBERED:
                self._combinations.clear()
            known = self._combinations[key] = self._made(batch, row)
        return known

    def _made(self, batch: CallBatch, row: StoredCall) -> tuple[str, str]:
        call = Call(row, batch.facts_of(row), row.id >= batch.recorded_from)
        return self._encode_combination(call if self._shown is None else self._shown(call))

    def _text(self, text: str | None) -> str:
        """One that many calls have."""
        known = self._texts.get(text)
        if known is None:
            if len(self._texts) >= _MOST_REMEMBERED:
                self._texts.clear()
            known = self._texts[text] = self._encode_text(text)
        return known

    def _id(self, text: str | None) -> str:
        """One that few calls have."""
        # As a UUID is: nothing that has to be quoted, and no formula.
        is_plain = text and text[0] != "-" and text.replace("-", "").isalnum()
        return text if text and is_plain else self._encode_text(text)


class _CsvLines(_Lines):
    def of(self, batch: CallBatch, rows: Sequence[StoredCall]) -> str:
        lines = []
        combination, moment, text, id_of = self._combination, self._moment, self._text, self._id
        for row in rows:
            (
                id_, started_at, _, _, _, _, chat_id, message_id, task, path, _, input_, cached_input, cache_write,
                completion, reasoning, output, estimated, unverified, outcome, first_token_after, thinking, duration,
                cost_nano, cost_source, _, effort, error, cost_input, cost_cached, cost_cache_write, cost_output,
                price_version,
            ) = row  # fmt: skip
            who, groups = combination(batch, row)
            out = completion + reasoning
            lines.append(
                f"{id_of(id_)},{moment(started_at)},{who},{text(task)},{text(path)},{groups},{input_},{out},"
                f"{input_ + out},{cached_input},{cache_write},{completion},{reasoning},{input_ + output},"
                f"{_csv_dollars(cost_nano)},{_csv_dollars(cost_input)},{_csv_dollars(cost_cached)},"
                f"{_csv_dollars(cost_cache_write)},{_csv_dollars(cost_output)},{text(cost_source)},"
                f"{text(price_version)},{_csv_span(first_token_after)},{_csv_span(thinking)},{_csv_span(duration)},"
                f"{text(outcome)},{text(error)},{text(effort)},{_FLAGS[estimated]},{_FLAGS[unverified]},"
                f"{id_of(chat_id)},{id_of(message_id)}\r\n"
            )
        return "".join(lines)

    def _encode_combination(self, call: Call) -> tuple[str, str]:
        values = [csv_list(value) if isinstance(value, list) else csv_text(value) for value in combination_values(call)]
        return _csv_cells(values), _csv_cells((csv_list(call.facts.usage_groups),))

    def _encode_text(self, text: str | None) -> str:
        return _csv_cells((csv_text(text),))


class _JsonLines(_Lines):
    def of(self, batch: CallBatch, rows: Sequence[StoredCall]) -> str:
        lines = []
        combination, moment, text, id_of = self._combination, self._moment, self._text, self._json_id
        for row in rows:
            (
                id_, started_at, _, _, _, _, chat_id, message_id, task, path, _, input_, cached_input, cache_write,
                completion, reasoning, output, estimated, unverified, outcome, first_token_after, thinking, duration,
                cost_nano, cost_source, _, effort, error, cost_input, cost_cached, cost_cache_write, cost_output,
                price_version,
            ) = row  # fmt: skip
            who, groups = combination(batch, row)
            out = completion + reasoning
            lines.append(
                f'{{"id":{id_of(id_)},"started_at":"{moment(started_at)}",{who},"task":{text(task)},'
                f'"path":{text(path)},"usage_groups":{groups},"in":{input_},"out":{out},"total":{input_ + out},'
                f'"cached":{cached_input},"cache_write":{cache_write},"completion":{completion},'
                f'"reasoning":{reasoning},"billed":{input_ + output},"cost":{_json_dollars(cost_nano)},'
                f'"cost_input":{_json_dollars(cost_input)},"cost_cached":{_json_dollars(cost_cached)},'
                f'"cost_cache_write":{_json_dollars(cost_cache_write)},"cost_output":{_json_dollars(cost_output)},'
                f'"cost_source":{text(cost_source)},"price_version":{text(price_version)},'
                f'"first_token_after":{_json_span(first_token_after)},"thinking":{_json_span(thinking)},'
                f'"duration":{_json_span(duration)},"outcome":{text(outcome)},"error":{text(error)},'
                f'"effort":{text(effort)},"estimated":{_FLAGS[estimated]},"unverified":{_FLAGS[unverified]},'
                f'"chat_id":{id_of(chat_id)},"message_id":{id_of(message_id)}}}\n'
            )
        return "".join(lines)

    def _encode_combination(self, call: Call) -> tuple[str, str]:
        values = dict(zip(COMBINATION_COLUMNS, combination_values(call), strict=True))
        return _json(values)[1:-1], _json(list(call.facts.usage_groups))

    def _encode_text(self, text: str | None) -> str:
        return _json(text)

    def _json_id(self, text: str | None) -> str:
        return f'"{text}"' if text and text.isalnum() else _json(text)


_FLAGS = ("false", "true")

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _csv_cells(values: Iterable[Any]) -> str:
    """Cells as the standard library writes them. An empty one behind them keeps one alone from being quoted."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow((*values, ""))
    return buffer.getvalue()[: -len(",\r\n")]


def _csv_dollars(nano: int | None) -> str:
    if nano is None:
        return ""
    return repr(nano / NANO) if nano >= _PLAIN_FROM else "0.0" if nano == 0 else str(csv_number(nano / NANO))


def _json_dollars(nano: int | None) -> str:
    return "null" if nano is None else repr(nano / NANO)


def _csv_span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if 1e-4 <= seconds < 1e15:
        return repr(seconds)
    number = csv_number(max(0.0, seconds))
    return "" if number is None else str(number)


def _json_span(seconds: float | None) -> str:
    return "null" if seconds is None or not math.isfinite(seconds) else repr(max(0.0, seconds))


class _Moments:
    """Writes times as ISO 8601 in a zone, and does the zone's part of it once a minute."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._minute = -1
        self._before = self._after = ""

    def text(self, seconds: float) -> str:
        """`seconds` is since the epoch."""
        whole = int(seconds)
        micros = round((seconds - whole) * 1_000_000)
        if not 0 <= micros < 1_000_000 or seconds < _ODD_OFFSETS:
            return datetime.fromtimestamp(seconds, self._zone).isoformat()
        minute, second = divmod(whole, 60)
        if minute != self._minute:
            start = datetime.fromtimestamp(minute * 60, self._zone).isoformat()
            self._minute, self._before, self._after = minute, start[:17], start[19:]
        return (
            f"{self._before}{second:02}.{micros:06}{self._after}"
            if micros
            else (f"{self._before}{second:02}{self._after}")
        )


_ODD_OFFSETS = 100_000_000.0
"""Before, in 1972, the last zone had an offset of other than whole minutes."""
