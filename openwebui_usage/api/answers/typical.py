"""What one message typically uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Count, Dollars
from openwebui_usage.ledger.typical import Quartiles, TypicalEffort, TypicalModel
from openwebui_usage.rules.money import NANO

_TokenQuartiles = Annotated[list[Count], Field(min_length=3, max_length=3, examples=[[2900, 4100, 6300]])]
_CostQuartiles = Annotated[list[Dollars], Field(min_length=3, max_length=3)]


class TypicalEffortUse(BaseModel):
    """Of the answers of a model at one effort: first quartile, median, third quartile."""

    calls: Count = Field(description="That this is known from.", examples=[57])
    tokens: _TokenQuartiles = Field(description="Generated and billed, reasoning among them.")
    out: _TokenQuartiles = Field(description="The same as groups of documented counting count it.")
    cost: _CostQuartiles | None = Field(
        description="US dollars: of the answer alone where the model has a `prompt_price`, else of the whole "
        "call; null where it is not known.",
        examples=[[0.0215, 0.0312, 0.0498]],
    )

    @classmethod
    def of(cls, found: TypicalEffort) -> TypicalEffortUse:
        """In whole tokens, and money to three digits."""
        return cls(
            calls=found.calls,
            tokens=_whole(found.output),
            out=_whole(found.documented),
            cost=None if found.cost is None else [float(f"{value / NANO:.3g}") for value in found.cost],
        )


class TypicalModelUse(BaseModel):
    """Of the answers of a model."""

    prompt_price: Dollars | None = Field(
        description="Nano-dollars for a prompt token that comes from no cache; null where that is not known.",
        examples=[2500],
    )
    efforts: dict[str, TypicalEffortUse] = Field(
        description="By the effort that was sent to the provider; empty text where none was. Those with at least 8 "
        "calls in 30 days."
    )

    @classmethod
    def of(cls, found: TypicalModel) -> TypicalModelUse:
        """In JSON's amounts."""
        price = found.prompt_price
        return cls(
            prompt_price=None if price is None else float(f"{price:.4g}"),
            efforts={name: TypicalEffortUse.of(effort) for name, effort in found.efforts.items()},
        )


class TypicalUsage(BaseModel):
    """What a message typically uses, from everybody's latest calls."""

    shown: bool = Field(
        description="False while an admin has switched it off (`show_typical`); then nothing is told.", examples=[True]
    )
    models: dict[str, TypicalModelUse] = Field(
        description="By the id that the provider is asked for, which is the `base` of a workspace model: what whoever "
        "asks can use, those with the most calls first."
    )


def _whole(values: Quartiles) -> list[int]:
    return [round(value) for value in values]
