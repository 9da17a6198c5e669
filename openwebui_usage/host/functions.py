"""What an admin sees under Admin > Functions: our thin filters, put there at start-up."""

from __future__ import annotations

import importlib.resources
import logging
import re
from importlib.resources.abc import Traversable
from pathlib import Path

from openwebui_usage.host.models import settled

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


def _sources() -> list[Traversable | Path]:
    """In an installed package they lie inside it, in a checkout beside it."""
    inside = importlib.resources.files("openwebui_usage") / "functions"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "functions"
    if not folder.is_dir():
        return []
    return sorted((item for item in folder.iterdir() if item.name.endswith(".py")), key=lambda item: item.name)
