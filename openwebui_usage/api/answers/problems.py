"""Why something was not done."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why it was not done."""

    detail: str = Field(description="For people, in English.")


class InvalidField(BaseModel):
    """What is wrong with one field of a request."""

    type: str = Field(description="For programs.", examples=["limit"])
    loc: list[str | int] = Field(
        description="Where: `body`, `path` or `query`, then the field.", examples=[["body", "limit"]]
    )
    msg: str = Field(
        description="What is wrong, and what would be right.",
        examples=["must be a whole number of tokens, 0 to 1000000000000000, or null for no limit (got -1)"],
    )


class InvalidInput(BaseModel):
    """All that is wrong with a request."""

    detail: list[InvalidField]
