"""What a call's row will tell of it, as far as it is known before the call is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openwebui_usage.host.arguments import Arguments, text
from openwebui_usage.host.destination import Destination
from openwebui_usage.host.origin import origin_of
from openwebui_usage.host.seam import Running
from openwebui_usage.ledger.rows import CallInfo, CallKind
from openwebui_usage.rules.connections import MeteringRules, connection_id, connection_label


async def call_info(
    model: str,
    destination: Destination,
    arguments: Arguments,
    metadata: Mapping[str, Any],
    running: Running,
    rules: MeteringRules,
    *,
    generates: bool = True,
    is_direct: bool = False,
) -> CallInfo:
    """`model` is the id that was asked for; `metadata` is what the host knows of the chat that it is asked for in."""
    user_id, task = arguments.of_user("id"), text(metadata.get("task"))
    user_groups = await running.user_groups(user_id)
    origin = origin_of(arguments.http_request, arguments.path, metadata)
    kind: CallKind | None = "task" if task is not None else origin.kind if generates else "embedding"
    return CallInfo(
        model=model,
        called_model=destination.called_model,
        user_id=user_id,
        user_name=arguments.of_user("name"),
        user_groups=tuple(user_groups),
        user_group_names=tuple(user_groups.values()),
        user_role=arguments.of_user("role"),
        chat_id=text(metadata.get("chat_id")),
        message_id=text(metadata.get("message_id")),
        task=task,
        path=arguments.path,
        kind=kind,
        key=origin.key,
        key_name=origin.key_name,
        connection=connection_id(destination.connections),
        connection_name=connection_label(destination.connections),
        unverified=is_direct,
        provider_url=destination.url,
        is_free_connection=rules.is_free(destination.connections),
    )
