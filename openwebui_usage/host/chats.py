"""Titles of chats, as Open WebUI has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

from openwebui_usage.host.compat import maybe_await, parameter_names

log = logging.getLogger(__name__)

_EVERYWHERE = ("include_archived", "include_folders", "include_pinned")


async def chat_titles(user_id: str, chat_ids: Collection[str]) -> Mapping[str, str]:
    """Titles of those chats that are the user's, by id: what a call named as its chat may be anybody's."""
    if not chat_ids:
        return {}
    try:
        from open_webui.models.chats import Chats

        listing = Chats.get_chat_title_id_list_by_user_id
        options = {name: True for name in _EVERYWHERE if name in parameter_names(listing)}
        # In a thread, because the method is synchronous before 0.9.
        chats = await maybe_await(await asyncio.to_thread(listing, user_id, **options))
        wanted = set(chat_ids)
        return {chat.id: chat.title for chat in chats if chat.id in wanted}
    except Exception:
        log.exception("The titles of chats cannot be read: they are shown without")
        return {}
