"""What an admin sees under Admin > Functions: our thin filters, put there at start-up."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from openwebui_usage.checks.plugin import FunctionState
from openwebui_usage.checks.saved_functions import AUTHOR, function_sources
from openwebui_usage.host.compat import leave_out_filters, maybe_await

log = logging.getLogger(__name__)

_HEADER = re.compile(r"^([a-z_]+):[ \t]*(.+?)[ \t]*$", re.MULTILINE)


async def install_functions() -> frozenset[str]:
    """Insert what is missing, active and global; bring older ones up to date. Returns the ids that are ours.

    An admin's valves survive an update, and so does switching off.
    """
    owner = await _owner()
    ours = set()
    for source in function_sources():
        function_id = source.name.removesuffix(".py")
        try:
            if await _install(function_id, source.read_text(encoding="utf-8"), owner):
                ours.add(function_id)
        except Exception as error:  # noqa: BLE001 - another worker was faster, or the host does it in another way
            log.info("The function %s was not written by this worker: %s", function_id, str(error).partition("\n")[0])
            ours.add(function_id)
    return frozenset(ours)


async def _install(function_id: str, content: str, owner: str) -> bool:
    """Whether the function is ours."""
    from open_webui.models.functions import FunctionForm, Functions

    header = dict(_HEADER.findall(content.split('"""')[1]))
    meta = {"description": header.get("description", ""), "manifest": header}
    known = await maybe_await(Functions.get_function_by_id(function_id))
    if known is None:
        form = FunctionForm(id=function_id, name=header["title"], content=content, meta=meta)
        await maybe_await(Functions.insert_new_function(owner, "filter", form))
        await maybe_await(Functions.update_function_by_id(function_id, {"is_active": True, "is_global": True}))
        log.info("Added the function %s", function_id)
        return True
    if f"author: {AUTHOR}\n" not in known.content:
        log.warning("There is a function %s already that is not ours; its name stays taken", function_id)
        return False
    changes = {"content": content, "meta": meta} if known.content != content else {}
    if known.user_id == AUTHOR != owner:
        changes["user_id"] = owner  # At the very first start there was nobody yet.
    if changes:
        await maybe_await(Functions.update_function_by_id(function_id, changes))
        log.info("Updated the function %s", function_id)
    return True


async def function_states() -> dict[str, FunctionState]:
    """Of each function of ours, whether the host has it and runs it, by id."""
    from open_webui.models.functions import Functions

    states = {}
    for source in function_sources():
        function_id = source.name.removesuffix(".py")
        known = await maybe_await(Functions.get_function_by_id(function_id))
        is_ours = known is not None and f"author: {AUTHOR}\n" in known.content
        states[function_id] = FunctionState(is_ours, is_ours and bool(known.is_active))
    return states


async def give_to_admin(ours: frozenset[str]) -> bool:
    """Make those of our functions that belong to nobody the first admin's; whether there is one by now.

    At the very first start there is none yet, and the page would say that somebody who was deleted had made them.
    """
    from open_webui.models.functions import Functions

    owner = await _owner()
    if owner == AUTHOR:
        return False
    for function_id in ours:
        known = await maybe_await(Functions.get_function_by_id(function_id))
        if known is not None and known.user_id == AUTHOR:
            await maybe_await(Functions.update_function_by_id(function_id, {"user_id": owner}))
    return True


async def _owner() -> str:
    """An admin's id: the page shows who a function belongs to."""
    from open_webui.models.users import Users

    admin = await maybe_await(Users.get_super_admin_user())
    return AUTHOR if admin is None else str(admin.id)


def leave_out_of_pipeline(ours: frozenset[str]) -> Callable[[], None]:
    """Take our functions out of the list of filters that the host runs; returns the undoing.

    They have no handlers, yet a single active filter makes the host look into its database several times a call and
    run its filter machinery for every chunk (measured on 0.12.4: 10 ms a call, 2.6 times a bare stream).
    """
    from open_webui.models.functions import Functions
    from open_webui.utils import filter as filters

    return leave_out_filters(Functions, filters, lambda function_id: function_id not in ours)
