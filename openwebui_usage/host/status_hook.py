"""The end of a reply: the place for the status line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import maybe_await, parameter_names
from openwebui_usage.host.patching import Wrapped
from openwebui_usage.host.seam import Seam


def with_status_line(seam: Seam, original: Wrapped) -> Wrapped:
    """`original`, which the host runs once per reply when it is complete, with the line sent after it."""

    async def outlet_filter_handler(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(ctx, *args, **kwargs)
        if isinstance(ctx, Mapping):
            await _send(seam, ctx)
        return result

    return outlet_filter_handler


def with_status_line_of_page(seam: Seam, original: Wrapped) -> Wrapped:
    """`original`, which the host runs once a page says that a reply is complete, with the line sent after it."""
    names = parameter_names(original)

    async def chat_completed(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        arguments = Arguments(names, args, kwargs)
        said, user_id = arguments.form_data, arguments.of_user("id")
        if isinstance(said, Mapping) and user_id is not None:
            metadata = {**{key: said.get(key) for key in ("chat_id", "session_id")}, "message_id": said.get("id")}
            await _send(seam, {"user": arguments.user, "metadata": {**metadata, "user_id": user_id}})
        return result

    return chat_completed


async def _send(seam: Seam, context: Mapping[str, Any]) -> None:
    running = seam.running
    if running is None:
        return
    try:
        if "event_emitter" not in context:
            context = {**context, "event_emitter": await _emitter(context["metadata"])}
        await running.host.status_line.send(context)
    except Exception as error:  # noqa: BLE001 - told by `Faults`
        seam.faults.tell("A status line could not be sent", error)


async def _emitter(metadata: Mapping[str, Any]) -> Any:
    """To the page only, which saves the chat itself: which chat it is, is its caller's word."""
    from open_webui.socket.main import get_event_emitter

    return await maybe_await(get_event_emitter(dict(metadata), update_db=False))
