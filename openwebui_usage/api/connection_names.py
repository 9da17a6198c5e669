"""Connections as people may know them who are neither admins nor readers of reports: without addresses of their
network.

A connection is known by its base URL, which may be of a machine that only admins should know of. The URL of a public
provider is told as it is. Of all others these people see what the admin calls it in front of models, or else its kind,
and as its id a number. They choose calls by what they see: a URL that somebody guesses finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from openwebui_usage.api.access import Access, Caller
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.call_log import Call
from openwebui_usage.ledger.report_query import NONE, NOT_RECORDED, Dimension, Named, Report, ReportRow, Value

_KINDS = {"openai": "OpenAI-compatible", "ollama": "Ollama"}
_PUBLIC_HOSTS = frozenset(
    (
        "api.anthropic.com",
        "api.cerebras.ai",
        "api.cohere.ai",
        "api.cohere.com",
        "api.deepseek.com",
        "api.fireworks.ai",
        "api.groq.com",
        "api.mistral.ai",
        "api.moonshot.ai",
        "api.openai.com",
        "api.perplexity.ai",
        "api.together.xyz",
        "api.x.ai",
        "dashscope.aliyuncs.com",
        "generativelanguage.googleapis.com",
        "integrate.api.nvidia.com",
        "openrouter.ai",
        "router.huggingface.co",
    )
)
"""Names of hosts that are the same for all customers. Those of Azure or Bedrock say whose they are, or where."""
_NOBODY = "|"
"""No connection's id or name."""


class ConnectionNames:
    """The names of one ledger's connections at one time."""

    def __init__(self, connections: Iterable[tuple[int, Named]]) -> None:
        """All of them, each with its number."""
        self._shown = {named.id: _shown(named, number) for number, named in connections}

    def shown(self, named: Named) -> Named:
        """A connection as it may be told."""
        return self._shown.get(named.id) or _shown(named, None)

    def in_call(self, call: Call) -> Call:
        """A call with its connection as it may be told."""
        connection = call.facts.connection
        return (
            call if connection is None else call._replace(facts=call.facts._replace(connection=self.shown(connection)))
        )

    def in_report(self, report: Report) -> Report:
        """A report with its connections as they may be told."""
        if "connection" not in report.query.group_by:
            return report
        place = report.query.group_by.index("connection")
        return replace(report, rows=tuple(self._in_row(row, place) for row in report.rows))

    def in_filters(self, filters: Mapping[Dimension, tuple[str, ...]]) -> Mapping[Dimension, tuple[str, ...]]:
        """Filters whose connections are named as they may be told, with the true ids."""
        wanted = filters.get("connection")
        if not wanted:
            return filters
        found = [id_ for id_, shown in self._shown.items() if shown.id in wanted or shown.name in wanted]
        found += [text for text in wanted if text in (NONE, NOT_RECORDED)]
        return {**filters, "connection": tuple(found) or (_NOBODY,)}

    def _in_row(self, row: ReportRow, place: int) -> ReportRow:
        values: list[Value] = list(row.values)
        value = values[place]
        if isinstance(value, Named):
            values[place] = self.shown(value)
        return row._replace(values=tuple(values))


async def names_for(caller: Caller, store: Store, access: Access) -> ConnectionNames | None:
    """The names by which a caller may know connections; None for somebody who may know them all as they are."""
    if await access.readable(caller) is not None:
        return None
    return await asyncio.to_thread(lambda: ConnectionNames(store.connections()))


def _shown(named: Named, number: int | None) -> Named:
    """`named` itself where it has no address but public ones."""
    parts = [part.partition(":")[::2] for part in named.id.split("|")]
    if all("://" not in url or _is_public(url) for _, url in parts) and _has_no_other_address(named):
        return named
    names = dict.fromkeys(_given_name(named.name, url) or _KINDS.get(kind, "Connection") for kind, url in parts)
    return Named("connection" if number is None else f"connection:{number}", ", ".join(names))


def _is_public(url: str) -> bool:
    """Whether everybody knows the address anyway: that of a known provider."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and port is None and host in _PUBLIC_HOSTS


def _has_no_other_address(named: Named) -> bool:
    """Whether the name has no address that is not in the id: it may be older, or be another's."""
    return all(piece in named.id for piece in named.name.replace("(", " ").replace(")", " ").split() if "://" in piece)


def _given_name(label: str, url: str) -> str:
    """What the admin calls the connection, in a label as `connection_label` makes it; empty where it has no name."""
    before, is_named, _ = label.partition(f" ({url})")
    names = before.rpartition("), ")[2].split(", ") if is_named else []
    return ", ".join(name for name in names if "://" not in name)
