"""What an admin sees under Admin > Functions: our thin filters, put there at start-up."""

from __future__ import annotations

import contextlib
import importlib.resources
import logging
import re
from collections.abc import Callable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from openwebui_usage.host.models import settled
from openwebui_usage.host.valves import OURS

log = logging.getLogger(__name__)

OWNER = "openwebui-usage"
_HEADER = re.compile(r"^([a-z_]+):[ \t]*(.+?)[ \t]*$", re.MULTILINE)


async def install_functions() -> None:
    """Insert what is missing, active and global; bring older ones up to date.

    An admin's valves, and his switching off, survive an update; so does a function of the same name that is not ours.
    """
    from open_webui.models.functions import FunctionForm, Functions

    for source in _sources():
        content = source.read_text(encoding="utf-8")
        header = dict(_HEADER.findall(content.split('"""')[1]))
        function_id = source.name.removesuffix(".py")
        meta = {"description": header.get("description", ""), "manifest": header}
        known = await settled(Functions.get_function_by_id(function_id))
        try:
            if known is None:
                form = FunctionForm(id=function_id, name=header["title"], content=content, meta=meta)
                await settled(Functions.insert_new_function(OWNER, "filter", form))
                await settled(Functions.update_function_by_id(function_id, {"is_active": True, "is_global": True}))
                log.info("Added the function %s", function_id)
            elif known.user_id == OWNER and known.content != content:
                await settled(Functions.update_function_by_id(function_id, {"content": content, "meta": meta}))
                log.info("Updated the function %s", function_id)
        except Exception as error:  # noqa: BLE001 - another worker was faster, or the host does it in another way
            log.info("The function %s was not written by this worker: %s", function_id, str(error).partition("\n")[0])


def leave_out_of_pipeline() -> Callable[[], None]:
    """Take our functions out of the list of filters that the host runs; returns the undoing.

    They have no handlers, yet a single active filter makes the host look into its database several times a call and
    run its filter machinery for every chunk (measured on 0.12.4: 10 ms a call, 2.6 times a bare stream). A host
    without that list runs them, to no effect.
    """
    from open_webui.models.functions import Functions

    original = getattr(Functions, "get_active_filter_ids", None)
    if original is None:
        return lambda: None

    async def get_active_filter_ids(*args: Any, **kwargs: Any) -> list[tuple[str, bool]]:
        return [entry for entry in await original(*args, **kwargs) if entry[0] not in OURS]

    Functions.get_active_filter_ids = get_active_filter_ids

    def undo() -> None:
        with contextlib.suppress(AttributeError):
            del Functions.get_active_filter_ids  # The one of the class shows again.

    return undo


def _sources() -> list[Traversable | Path]:
    """In an installed package they lie inside it, in a checkout beside it."""
    inside = importlib.resources.files("openwebui_usage") / "functions"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "functions"
    if not folder.is_dir():
        return []
    return sorted((item for item in folder.iterdir() if item.name.endswith(".py")), key=lambda item: item.name)
