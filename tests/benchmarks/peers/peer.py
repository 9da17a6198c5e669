"""What a benchmark needs of whoever takes part in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.openwebui import OpenWebUI


@dataclass(frozen=True)
class Terms:
    """What is the same for all: where they may write, the provider, its models, and the budget of one of these."""

    folder: Path
    provider_url: str
    models: Sequence[str]
    """Of these every call is counted and admitted; none reaches a limit."""
    bounded: str
    """The model with a budget that is reached, of `budget` tokens."""
    budget: int


class Peer(ABC):
    """A deployment of Open WebUI with one way to count and limit calls."""

    name: str
    server: OpenWebUI

    @abstractmethod
    def __init__(self, terms: Terms) -> None: ...

    @abstractmethod
    def start(self) -> None:
        """Return once it answers, with the budget in force."""

    @abstractmethod
    def version(self) -> str:
        """Of what is measured beside Open WebUI; empty where that is nothing."""

    @abstractmethod
    def counted(self, model: str) -> int:
        """Tokens, in and out, that it has counted for a provider's model by now."""

    def model(self, model: str) -> str:
        """The provider's `model` as it is called in Open WebUI here."""
        return model

    def processes(self) -> list[int]:
        """The processes between a client and the provider, by id."""
        return [self.server.pid]

    def stop(self) -> None:
        self.server.stop()
