"""What a YAML file wants to be defined. Its entries are the bodies of the API, checked by the same rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from openwebui_usage.api.configuration.document import Document, Fault, NotValid, Path, parse
from openwebui_usage.api.requests import CostCenter, NewBudget, NewGroup, NewPrice, Readers
from openwebui_usage.ledger.configuration import WantedConfiguration
from openwebui_usage.ledger.reader_store import StoredReaders
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.groups import Counting, Group
from openwebui_usage.rules.pricing import Price

SECTIONS = ("groups", "budgets", "prices", "cost_centers", "readers")
_Body = TypeVar("_Body", bound=BaseModel)
_Entry = TypeVar("_Entry")


def read_configuration(
    text: str | bytes, counting: Counting, known_groups: Iterable[str] = (), *, prune: bool = False
) -> WantedConfiguration:
    """`counting` is that of groups which do not say; `known_groups` are the names of those that exist already.

    Raises `NotValid` with all that is wrong, each with its place.
    """
    found = parse(text)
    reading = _Reading(Document({}, found.places) if found.value is None else found)
    document = reading.document.value
    if not isinstance(document, Mapping):
        raise NotValid([reading.fault((), f"must have some of the keys {', '.join(SECTIONS)}")])
    for key in document:
        if key not in SECTIONS:
            reading.faults.append(reading.fault((key,), f"is no section; those are {', '.join(SECTIONS)}"))
    wanted = WantedConfiguration(
        groups=reading.section("groups", NewGroup, "name", lambda form: group_of(form, counting)),
        budgets=reading.section("budgets", NewBudget, "name", _budget),
        prices=reading.section("prices", NewPrice, "model", _price),
        cost_centers=reading.section("cost_centers", CostCenter, "user_group", lambda form: form.cost_center),
        readers=reading.readers(),
        prune=prune,
    )
    groups = set(wanted.groups or ())
    if wanted.groups is None or not prune:
        groups.update(known_groups)
    reading.check_groups(groups)
    if reading.faults:
        raise NotValid(reading.faults)
    return wanted


def group_of(form: NewGroup, counting: Counting) -> Group:
    """A group to be made, without an id."""
    return Group(
        id="",
        name=form.name,
        models=tuple(form.models),
        limit=form.limit,
        counting=form.counting or counting,
        period=form.period,
        timezone=form.timezone,
        action=form.action,
        soft_limits=tuple(form.soft_limits),
    )


def _budget(form: NewBudget) -> Budget:
    return form.budget()


def _price(form: NewPrice) -> Price:
    return form.price()


@dataclass(slots=True)
class _Reading:
    document: Document
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: Path, text: str) -> Fault:
        return Fault(path, self.document.place(path), text)

    def section(
        self, name: str, body: type[_Body], key: str, make: Callable[[_Body], _Entry]
    ) -> dict[str, _Entry] | None:
        """Its entries by `key`; None where the file has no such section. What is wrong is among the faults."""
        if name not in self.document.value:
            return None
        entries = self.document.value[name]
        if entries is None:
            entries = []
        if not isinstance(entries, list):
            self.faults.append(self.fault((name,), "must be a list"))
            return None
        found: dict[str, _Entry] = {}
        for number in range(len(entries)):
            path = (name, number)
            form = self.entry(body, path)
            if form is None:
                continue
            called = getattr(form, key)
            if called in found:
                self.faults.append(self.fault((*path, key), f'"{called}" is there twice'))
                continue
            try:
                found[called] = make(form)
            except ValueError as error:
                at, _, text = str(error).partition(": ")
                self.faults.append(self.fault((*path, at), text))
        return found

    def check_groups(self, groups: Collection[str]) -> None:
        """Whether the groups that budgets count are among `groups`; of no budgets that are wrong in themselves."""
        entries = () if self.faults else self.document.value.get("budgets") or ()
        for number, entry in enumerate(entries):
            group = entry.get("group")
            if group is not None and group.strip() not in groups:
                self.faults.append(self.fault(("budgets", number, "group"), f'there is no usage group "{group}"'))

    def readers(self) -> StoredReaders | None:
        """None where the file does not speak of them."""
        if "readers" not in self.document.value:
            return None
        form = self.entry(Readers, ("readers",))
        return None if form is None else form.stored()

    def entry(self, body: type[_Body], path: Path) -> _Body | None:
        """One body; None where it is wrong."""
        value: Any = self.document.value
        for part in path:
            value = value[part]
        if not isinstance(value, dict):
            self.faults.append(self.fault(path, "must be a mapping of fields to values"))
            return None
        try:
            return body.model_validate(value)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                at = (*path, *(part for part in item["loc"] if isinstance(part, str | int)))
                self.faults.append(self.fault(at, _said(item, body)))
            return None


def _said(item: Mapping[str, Any], body: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return f"is no field here; those are {', '.join(body.model_fields)}"
    if item["type"] == "missing":
        return "is missing"
    return str(item["msg"])
