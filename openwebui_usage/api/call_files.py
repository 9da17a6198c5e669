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
    """Makes lines of calls, column by column, and remembers what many of them have in common."""

    def __init__(self, zone: ZoneInfo, shown: Callable[[Call], Call] | None) -> None:
        self._moments = _Moments(zone).texts
        self._shown = shown
        self._combinations: dict[tuple[int, bool], _OfCombination] = {}
        self._kinds: dict[_Kind, _OfKind] = {}

    def of(self, batch: CallBatch, rows: Sequence[StoredCall]) -> str:
        """The lines of some rows of a batch."""
        (
            ids, started_at, _, _, _, _, chats, messages, tasks, paths, _, inputs, cached_inputs, cache_writes,
            completions, reasonings, outputs, estimated, unverified, outcomes, first_tokens, thinking, durations,
            costs, cost_sources, _, efforts, errors, costs_input, costs_cached, costs_cache_write, costs_output,
            price_versions,
        ) = zip(*rows, strict=True)  # fmt: skip
        kinds = zip(
            tasks, paths, cost_sources, price_versions, outcomes, errors, efforts, estimated, unverified, strict=True
        )
        return self._join(
            zip(
                self._ids(ids),
                self._moments(started_at),
                [self._combination(batch, row) for row in rows],
                [self._kind(kind) for kind in kinds],
                inputs,
                cached_inputs,
                cache_writes,
                completions,
                reasonings,
                outputs,
                self._dollars(costs),
                self._dollars(costs_input),
                self._dollars(costs_cached),
                self._dollars(costs_cache_write),
                self._dollars(costs_output),
                self._spans(first_tokens),
                self._spans(thinking),
                self._spans(durations),
                self._ids(chats),
                self._ids(messages),
                strict=True,
            )
        )

    @abstractmethod
    def _join(self, cells: Iterable[tuple[Any, ...]]) -> str:
        """One line for each tuple."""

    @abstractmethod
    def _encode_combination(self, call: Call) -> _OfCombination:
        """What the calls of a combination have in common."""

    @abstractmethod
    def _encode_kind(self, kind: _Kind) -> _OfKind:
        """What many calls have in common beside."""

    @abstractmethod
    def _ids(self, texts: Sequence[str | None]) -> Sequence[str]:
        """Texts that few calls share."""

    @abstractmethod
    def _dollars(self, nanos: Sequence[int | None]) -> Sequence[str]:
        """Amounts of money."""

    @abstractmethod
    def _spans(self, seconds: Sequence[float | None]) -> Sequence[str]:
        """Spans of time. A clock may have been set back meanwhile."""

    def _combination(self, batch: CallBatch, row: StoredCall) -> _OfCombination:
        number = row.combination
        if number is None or number not in batch.facts:  # No two of these need be alike.
            return self._made(batch, row)
        key = (number, row.id >= batch.recorded_from)
        known = self._combinations.get(key)
        if known is None:
            if len(self._combinations) >= _MOST_REMEMBERED:
                self._combinations.clear()
            known = self._combinations[key] = self._made(batch, row)
        return known

    def _made(self, batch: CallBatch, row: StoredCall) -> _OfCombination:
        call = Call(row, batch.facts_of(row), row.id >= batch.recorded_from)
        return self._encode_combination(call if self._shown is None else self._shown(call))

    def _kind(self, kind: _Kind) -> _OfKind:
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= _MOST_REMEMBERED:
                self._kinds.clear()
            known = self._kinds[kind] = self._encode_kind(kind)
        return known


_OfCombination = tuple[str, str]
"""The columns from `user` to `key`, and `usage_groups`."""
_Kind = tuple[Any, ...]
"""Task, path, source of the cost, version of the price, outcome, error, effort, and the two flags."""
_OfKind = tuple[str, str, str]
"""Of such, what stands before the usage groups, behind the costs, and behind the duration."""


class _CsvLines(_Lines):
    def _join(self, cells: Iterable[tuple[Any, ...]]) -> str:
        return "".join(
            [
                f"{id_},{moment},{who},{before},{groups},{input_},{completion + reasoning},"
                f"{input_ + completion + reasoning},{cached},{cache_write},{completion},{reasoning},{input_ + output},"
                f"{cost},{cost_input},{cost_cached},{cost_cache_write},{cost_output},{priced},"
                f"{first},{thinking},{duration},{ended},{chat},{message}\r\n"
                for (
                    id_, moment, (who, groups), (before, priced, ended), input_, cached, cache_write, completion,
                    reasoning, output, cost, cost_input, cost_cached, cost_cache_write, cost_output, first, thinking,
                    duration, chat, message,
                ) in cells
            ]
        )  # fmt: skip

    def _encode_combination(self, call: Call) -> _OfCombination:
        values = [csv_list(value) if isinstance(value, list) else csv_text(value) for value in combination_values(call)]
        return _csv_cells(values), _csv_cells((csv_list(call.facts.usage_groups),))

    def _encode_kind(self, kind: _Kind) -> _OfKind:
        task, path, source, version, *outcome, estimated, unverified = kind
        flags = (_FLAGS[estimated], _FLAGS[unverified])
        return _csv_texts(task, path), _csv_texts(source, version), _csv_texts(*outcome, *flags)

    def _ids(self, texts: Sequence[str | None]) -> Sequence[str]:
        cells = ["" if text is None else text for text in texts]
        return cells if _are_plain(cells) else [_csv_texts(text) for text in texts]

    def _dollars(self, nanos: Sequence[int | None]) -> Sequence[str]:
        return [
            "" if nano is None
            else repr(nano / NANO) if nano >= _PLAIN_FROM
            else "0.0" if nano == 0
            else str(csv_number(nano / NANO))
            for nano in nanos
        ]  # fmt: skip

    def _spans(self, seconds: Sequence[float | None]) -> Sequence[str]:
        return ["" if span is None else repr(span) if 1e-4 <= span < 1e15 else _csv_span(span) for span in seconds]


class _JsonLines(_Lines):
    def _join(self, cells: Iterable[tuple[Any, ...]]) -> str:
        return "".join(
            [
                f'{{"id":{id_},"started_at":"{moment}",{who},{before},"usage_groups":{groups},"in":{input_},'
                f'"out":{completion + reasoning},"total":{input_ + completion + reasoning},"cached":{cached},'
                f'"cache_write":{cache_write},"completion":{completion},"reasoning":{reasoning},'
                f'"billed":{input_ + output},"cost":{cost},"cost_input":{cost_input},"cost_cached":{cost_cached},'
                f'"cost_cache_write":{cost_cache_write},"cost_output":{cost_output},{priced},'
                f'"first_token_after":{first},"thinking":{thinking},"duration":{duration},{ended},'
                f'"chat_id":{chat},"message_id":{message}}}\n'
                for (
                    id_, moment, (who, groups), (before, priced, ended), input_, cached, cache_write, completion,
                    reasoning, output, cost, cost_input, cost_cached, cost_cache_write, cost_output, first, thinking,
                    duration, chat, message,
                ) in cells
            ]
        )  # fmt: skip

    def _encode_combination(self, call: Call) -> _OfCombination:
        values = dict(zip(COMBINATION_COLUMNS, combination_values(call), strict=True))
        return _json(values)[1:-1], _json(list(call.facts.usage_groups))

    def _encode_kind(self, kind: _Kind) -> _OfKind:
        task, path, source, version, outcome, error, effort, estimated, unverified = kind
        before = {"task": task, "path": path}
        priced = {"cost_source": source, "price_version": version}
        ended = {"outcome": outcome, "error": error, "effort": effort}
        flags = {"estimated": bool(estimated), "unverified": bool(unverified)}
        return _json(before)[1:-1], _json(priced)[1:-1], _json(ended | flags)[1:-1]

    def _ids(self, texts: Sequence[str | None]) -> Sequence[str]:
        return ["null" if text is None else _json_text(text) for text in texts]

    def _dollars(self, nanos: Sequence[int | None]) -> Sequence[str]:
        return ["null" if nano is None else repr(nano / NANO) if nano else "0.0" for nano in nanos]

    def _spans(self, seconds: Sequence[float | None]) -> Sequence[str]:
        return ["null" if span is None else repr(span) if 0 < span < math.inf else _json_span(span) for span in seconds]


_FLAGS = ("false", "true")

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_json_text = json.encoder.encode_basestring
"""What the encoder does with a text in the end."""


def _csv_cells(values: Iterable[Any]) -> str:
    """Cells as the standard library writes them. An empty one behind them keeps one alone from being quoted."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow((*values, ""))
    return buffer.getvalue()[: -len(",\r\n")]


def _csv_texts(*texts: str | None) -> str:
    """Cells of texts that no spreadsheet takes for formulas."""
    return _csv_cells(map(csv_text, texts))


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether none needs quotes or looks like a formula, as that of ids. It may say no where it is so."""
    joined = "\n" + "\n".join(texts)
    return (
        joined.isascii()
        and joined.count("\n") == len(texts)
        and not any(character in joined for character in _NEVER_PLAIN)
        and "\n-" not in joined
    )


_NEVER_PLAIN = '",\r\t\0=+@'


def _csv_span(seconds: float) -> str:
    number = csv_number(max(0.0, seconds))
    return "" if number is None else str(number)


def _json_span(seconds: float) -> str:
    return repr(max(0.0, seconds)) if math.isfinite(seconds) else "null"


class _Moments:
    """Writes times as ISO 8601 in a zone, and does the zone's part of it once a minute."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._minute = -1
        self._before = self._after = ""

    def texts(self, moments: Iterable[float]) -> list[str]:
        """`moments` are in seconds since the epoch."""
        found = []
        minute, before, after = self._minute, self._before, self._after
        for seconds in moments:
            whole = int(seconds)
            micros = round((seconds - whole) * 1_000_000)
            if not 0 <= micros < 1_000_000 or seconds < _ODD_OFFSETS:
                found.append(datetime.fromtimestamp(seconds, self._zone).isoformat())
                continue
            if whole // 60 != minute:
                minute = whole // 60
                start = datetime.fromtimestamp(minute * 60, self._zone).isoformat()
                before, after = start[:17], start[19:]
            second = whole % 60
            found.append(f"{before}{second:02}.{micros:06}{after}" if micros else f"{before}{second:02}{after}")
        self._minute, self._before, self._after = minute, before, after
        return found


_ODD_OFFSETS = 100_000_000.0
"""Before, in 1972, the last zone had an offset of other than whole minutes."""
