"""A stand-in for model providers, in a process of its own, that keeps its own book of what it billed."""

from tests.support.provider.client import Call, Provider

__all__ = ["Call", "Provider"]
