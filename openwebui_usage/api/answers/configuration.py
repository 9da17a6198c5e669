"""What a configuration file changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Done
from openwebui_usage.api.configuration import sections_of
from openwebui_usage.ledger.configuration import Configuration, ConfigurationUpdate, WantedConfiguration
from openwebui_usage.rules.budgets import Unit
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.differences import EntryChange, FieldChange, Kind, differences
from openwebui_usage.rules.json_values import iso_utc, to_json_amount

Section = Literal["groups", "budgets", "prices", "cost_centers", "readers"]


class ChangedField(BaseModel):
    """One field of an entry."""

    field: str = Field(examples=["limit"])
    from_: Any = Field(serialization_alias="from", description="Null also where it was not there.", examples=[100])
    to: Any = Field(description="Null also where it is not there any more.", examples=[200])

    @classmethod
    def of(cls, change: FieldChange) -> ChangedField:
        """As JSON has it."""
        return cls(field=change.field, from_=change.before, to=change.after)


class ChangedEntry(BaseModel):
    """A group, a budget, a price, the cost center of a user group, or those who may read."""

    section: Section = Field(examples=["groups"])
    name: str = Field(description="The model of a price, the user group of a cost center.", examples=["GPT"])
    change: Kind = Field(examples=["changed"])
    fields: list[ChangedField] = Field(description="Of what is added or removed, all that it has.")

    @classmethod
    def of(cls, change: EntryChange) -> ChangedEntry:
        """As JSON has it."""
        fields = [ChangedField.of(field) for field in change.fields]
        return cls.model_validate(
            {"section": change.section, "name": change.name, "change": change.kind, "fields": fields}
        )


class KeptEntry(BaseModel):
    """What the file does not name although it has the section, and what therefore goes with `prune`."""

    section: Section = Field(examples=["budgets"])
    name: str = Field(examples=["Fair share"])


class ConfigurationChange(Done):
    """What a file changed, or would."""

    dry_run: bool = Field(description="Whether nothing was changed.", examples=[True])
    changes: list[ChangedEntry]
    kept: list[KeptEntry] = Field(description="What stays although the file does not name it.")

    @classmethod
    def of(cls, update: ConfigurationUpdate, wanted: WantedConfiguration, *, dry_run: bool) -> ConfigurationChange:
        """From what was defined to what is. A budget that is removed tells the credit that goes with it."""
        found = map(partial(_with_credit, update), differences(sections_of(update.before), sections_of(update.after)))
        return cls(
            status=True,
            dry_run=dry_run,
            changes=[ChangedEntry.of(change) for change in found],
            kept=list(_kept(update.after, wanted)),
        )


def _with_credit(update: ConfigurationUpdate, change: EntryChange) -> EntryChange:
    lost = update.lost_credits.get(change.name) if (change.section, change.kind) == ("budgets", "removed") else None
    if not lost:
        return change
    unit = update.before.budgets[change.name].unit
    return replace(change, fields=(*change.fields, FieldChange("credits", [_told(each, unit) for each in lost], None)))


def _told(credit: Credit, unit: Unit) -> dict[str, Any]:
    """What an admin gave, as `POST /api/usage/budgets/{name}/credits` takes it."""
    end = None if credit.expires_at is None else datetime.fromtimestamp(credit.expires_at, UTC)
    facts = {
        "amount": to_json_amount(credit.amount, unit),
        "user": credit.user_id,
        "user_group": credit.user_group,
        "note": credit.note or None,
        "expires_at": iso_utc(end),
    }
    return {field: value for field, value in facts.items() if value is not None}


def _kept(after: Configuration, wanted: WantedConfiguration) -> Iterable[KeptEntry]:
    sections: tuple[tuple[Section, Iterable[str], Iterable[str] | None], ...] = (
        ("groups", after.groups, wanted.groups),
        ("budgets", after.budgets, wanted.budgets),
        ("prices", after.prices, wanted.prices),
        ("cost_centers", after.cost_centers, wanted.cost_centers),
    )
    for section, names, named in sections:
        if named is not None:
            known = set(named)
            yield from (KeptEntry(section=section, name=name) for name in names if name not in known)
