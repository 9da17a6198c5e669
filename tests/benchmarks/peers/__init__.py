"""What people run to count and limit calls, each set up as its own documentation says, with one budget in force."""

from tests.benchmarks.peers.counting_filter import CountingFilter
from tests.benchmarks.peers.litellm_proxy import LiteLLMProxy
from tests.benchmarks.peers.open_webui import Bare, Plugin
from tests.benchmarks.peers.peer import Peer, Terms
from tests.benchmarks.peers.tracked_pipe import TrackedPipe

__all__ = ["PEERS", "Peer", "Terms"]

PEERS: tuple[type[Peer], ...] = (Bare, Plugin, LiteLLMProxy, TrackedPipe, CountingFilter)
