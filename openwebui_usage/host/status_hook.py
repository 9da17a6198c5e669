"""The end of a reply: the place for the status line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.seam import Seam


def with_status_line(seam: Seam, original: Wrapped) -> Wrapped:
    """`original`, which the host runs once per reply when it is complete, with the line sent after it."""

    async def outlet_filter_handler(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(ctx, *args, **kwargs)
        running = seam.running
        try:
            if running is not None and isinstance(ctx, Mapping):
                await running.host.status_line.send(ctx)
        except Exception as error:  # noqa: BLE001 - told by `Faults`
            seam.faults.tell("A status line could not be sent", error)
        return result

    return outlet_filter_handler
