"""What of the plugin is in an Open WebUI, and how it is taken out again: functions, packages, ledger and files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path

from sqlalchemy import Connection, Engine, column, create_engine, delete, inspect, select, table, text

from openwebui_usage.checks.saved_functions import AUTHOR
from openwebui_usage.client.storage import Place
from openwebui_usage.ledger.database import VERSION_TABLE
from openwebui_usage.ledger.schema import metadata
from openwebui_usage.ledger.spool import Spool

PACKAGE = "openwebui-usage"
HOST = "open-webui"


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes. Nothing is touched before `run`."""

    place: Place
    """Open WebUI's database."""
    functions: Sequence[str] = ()
    """Ids of our functions in it."""
    packages: Sequence[str] = ()
    """What pip removes: the plugin, and what only the plugin brought."""
    tables: Sequence[str] = ()
    """Tables of ours in a database that is not ours alone."""
    files: Sequence[Path] = field(default_factory=list)
    """Files of ours, and then the folder that has no others."""

    def lines(self) -> list[str]:
        """What goes, in words."""
        told = {
            f"Functions in {self.place.shown_host}": self.functions,
            f"Packages of {sys.executable}": self.packages,
            f"Tables in {self.place.shown_host}": self.tables,
            "Files and folders": [str(path) for path in self.files],
        }
        return [f"{what}: {', '.join(names)}" for what, names in told.items() if names]

    def run(self) -> None:
        """Take it all away. The packages go last: nothing of ours can be imported afterwards. Raises
        `CalledProcessError` where pip fails, and the errors of the database and of files.
        """
        self.run_database()
        for path in self.files:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        if self.packages:
            command = [sys.executable, "-m", "pip", "--no-input", "uninstall", "--quiet", "--yes", *self.packages]
            subprocess.run(command, check=True)  # noqa: S603

    def run_database(self) -> None:
        """The part that is in Open WebUI's database, whole or not at all."""
        engine = create_engine(self.place.url)
        try:
            with engine.begin() as connection:
                for name, id_ in self._function_tables(connection):
                    ours = table(name, column(id_), schema=self.place.schema)
                    connection.execute(delete(ours).where(ours.c[id_].in_(self.functions)))
                quote = connection.dialect.identifier_preparer.quote_identifier
                before = f"{quote(self.place.schema)}." if self.place.schema else ""
                for name in self.tables:
                    connection.execute(text(f"DROP TABLE {before}{quote(name)}"))
        finally:
            engine.dispose()

    def _function_tables(self, connection: Connection) -> list[tuple[str, str]]:
        """Where our functions are, with the column of their ids. From 0.12 on Open WebUI keeps earlier versions, too,
        and takes these away with a function that an admin deletes.
        """
        if not self.functions:
            return []
        found = [("function", "id")]
        if inspect(connection).has_table("function_history", self.place.schema):
            found.insert(0, ("function_history", "function_id"))
        return found


def plan_removal(place: Place, spool: Path, *, purge: bool) -> Removal:
    """What of ours is there. With `purge` also what was counted. Raises the errors of the database."""
    engine = create_engine(place.url)
    try:
        functions = _functions(engine, place.schema)
        tables = _tables(engine, place.schema) if purge else []
    finally:
        engine.dispose()
    files = [*_files_of(place.file), *_files_in(spool)] if purge else []
    return Removal(place, functions, packages_to_remove(), tables, files)


def _functions(engine: Engine, schema: str | None) -> list[str]:
    """Whatever says in its header that it is ours, as the bootstrap function does that admins paste."""
    if not inspect(engine).has_table("function", schema):
        return []
    functions = table("function", column("id"), column("content"), schema=schema)
    with engine.connect() as connection:
        found = connection.execute(select(functions)).all()
    return sorted(str(id_) for id_, content in found if f"author: {AUTHOR}\n" in str(content))


def _tables(engine: Engine, schema: str | None) -> list[str]:
    """Months of calls go with the table that they are parts of. Without the one that says of which version they are,
    tables of these names are somebody else's; so it goes last.
    """
    there = set(inspect(engine).get_table_names(schema))
    return [*sorted(there & metadata.tables.keys()), VERSION_TABLE] if VERSION_TABLE in there else []


def _files_of(file: Path | None) -> list[Path]:
    files = [] if file is None else [file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm")]
    return [path for path in files if path.exists()]


def _files_in(spool: Path) -> list[Path]:
    """Our files in the folder, which an admin may have chosen for more than these, or mounted; else the folder as
    well.
    """
    if not spool.is_dir():
        return []
    ours = Spool(spool).files()
    return ours if spool.is_mount() or set(spool.iterdir()) - set(ours) else [*ours, spool]


def packages_to_remove() -> list[str]:
    """The plugin, and what was installed for it alone; what somebody asked pip for by name stays.

    In the official image Open WebUI is no package, so nothing tells what it needs: there the plugin goes alone.
    """
    there = {_name(each.metadata["Name"] or ""): each for each in distributions()}
    if PACKAGE not in there:
        return []
    if HOST not in there:
        return [PACKAGE]
    needs = {name: {_name(_required(line)) for line in each.requires or ()} for name, each in there.items()}
    going: set[str] = set()
    more = {PACKAGE}
    while more:
        going |= more
        kept = {HOST, "pip"}.union(*(needs[name] for name in there.keys() - going))
        brought = {needed for name in going for needed in needs[name]} & (there.keys() - going)
        more = {name for name in brought - kept if there[name].read_text("REQUESTED") is None}
    return sorted(going)


def _required(line: str) -> str:
    return re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]


def _name(text_: str) -> str:
    return re.sub(r"[-_.]+", "-", text_).lower()
