"""Our functions, as they come with this package and as Open WebUI's database has them: no Open WebUI is imported."""

from __future__ import annotations

import importlib.resources
from importlib.resources.abc import Traversable
from pathlib import Path

from sqlalchemy import Engine, column, select, table

from openwebui_usage.checks.plugin import FunctionState

AUTHOR = "openwebui-usage"
"""What the header of our functions says; a function of the same name by somebody else is left alone."""
_BOOTSTRAP = "usage_bootstrap.py"
"""That one is for where we are not yet."""


def function_sources() -> list[Traversable | Path]:
    """The files of the functions that an admin sees.

    In an installed package they lie inside it, in a checkout beside it.
    """
    inside = importlib.resources.files("openwebui_usage") / "functions"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "functions"
    if not folder.is_dir():
        return []
    found = (item for item in folder.iterdir() if item.name.endswith(".py") and item.name != _BOOTSTRAP)
    return sorted(found, key=lambda item: item.name)


def read_saved_functions(engine: Engine, schema: str | None) -> dict[str, FunctionState]:
    """Of each function of ours, whether Open WebUI has it and runs it, by id. Blocks; raises the database's errors."""
    ids = [source.name.removesuffix(".py") for source in function_sources()]
    functions = table("function", column("id"), column("content"), column("is_active"), schema=schema)
    query = select(functions).where(functions.c.id.in_(ids))
    with engine.connect() as connection:
        found = {str(row.id): row for row in connection.execute(query)}
    states = {}
    for id_ in ids:
        row = found.get(id_)
        is_ours = row is not None and f"author: {AUTHOR}\n" in str(row.content)
        states[id_] = FunctionState(is_ours, row is not None and is_ours and bool(row.is_active))
    return states
