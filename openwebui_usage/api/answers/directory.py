"""Models, users and user groups to choose from."""

from __future__ import annotations

from pydantic import BaseModel, Field

from openwebui_usage.api.directory import DeployedModel, Person, UserGroup


class ModelChoice(BaseModel):
    """A model of the deployment."""

    id: str = Field(examples=["gpt-4o"])
    name: str = Field(description="As Open WebUI shows it; not unique.", examples=["GPT-4o"])
    base: str | None = Field(description="The model that a workspace model is built on.", examples=[None])
    connection: str | None = Field(
        description="What people know its connection by; null where nobody knows it.",
        examples=["https://api.openai.com/v1"],
    )

    @classmethod
    def of(cls, model: DeployedModel) -> ModelChoice:
        """As the host has it."""
        return cls(id=model.id, name=model.name, base=model.base, connection=model.connection)


class ModelChoices(BaseModel):
    """All models."""

    models: list[ModelChoice] = Field(description="By name.")


class UserChoice(BaseModel):
    """A user."""

    id: str = Field(examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"])
    name: str = Field(examples=["Ada"])
    email: str = Field(examples=["ada@example.com"])
    role: str = Field(examples=["user"])

    @classmethod
    def of(cls, person: Person) -> UserChoice:
        """As the host has it."""
        return cls(id=person.id, name=person.name, email=person.email, role=person.role)


class UserChoices(BaseModel):
    """Some users."""

    users: list[UserChoice] = Field(description="By name.")


class UserGroupChoice(BaseModel):
    """A user group of Open WebUI."""

    id: str = Field(examples=["3d1f2a7b"])
    name: str = Field(examples=["Sales"])

    @classmethod
    def of(cls, group: UserGroup) -> UserGroupChoice:
        """As the host has it."""
        return cls(id=group.id, name=group.name)


class UserGroupChoices(BaseModel):
    """Some user groups."""

    user_groups: list[UserGroupChoice] = Field(description="By name.")
