"""Mounting into an Open WebUI that runs already, for `functions/usage_bootstrap.py`.

Functions are loaded long after the host's modules have taken hold of one another's names, and its lifespan has begun:
`mount` replaces the names wherever they are held, and start and stop come by the host's own events. The handler is
called for each event in each worker, so every worker joins by and by.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from openwebui_usage.host.autoload import is_switched_off
from openwebui_usage.host.mount import mount, plugin_of, unmount

log = logging.getLogger("openwebui_usage")

_JOINED = "openwebui_usage_joined"


async def on_event(app: FastAPI, event: Mapping[str, Any], function_id: str) -> None:
    """Join at the first event after the host has started; leave when it ends, or when the function is switched off."""
    name, subject = event.get("event"), event.get("subject")
    own = isinstance(subject, Mapping) and subject.get("id") == function_id
    if name == "system.shutdown.started" or (name == "function.disable_started" and own):
        await leave(app)
    elif app.state.startup_complete:  # Before that it has no Redis yet.
        await join(app)


async def join(app: FastAPI) -> None:
    """Mount and start. Does nothing where the plugin is there already."""
    if is_switched_off() or plugin_of(app) is not None:
        return
    mount(app)
    plugin = plugin_of(app)
    if plugin is not None:
        app.openapi_schema = None  # Somebody may have asked for it before.
        setattr(app.state, _JOINED, True)
        await plugin.start()


async def leave(app: FastAPI) -> None:
    """Stop and unmount what joined late."""
    plugin = plugin_of(app)
    if plugin is None or not getattr(app.state, _JOINED, False):
        return
    delattr(app.state, _JOINED)
    # The event loop may end before this does: what is queued is written all the same.
    await asyncio.shield(plugin.stop())
    unmount(app)
    app.openapi_schema = None
    log.info("openwebui-usage has left")
