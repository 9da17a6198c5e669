"""The functions of Open WebUI that are wrapped. Their names have been the same since 0.6.18.

Open WebUI has many ways to a model (chats, tool rounds, tasks, channels, pass-through endpoints, …), and all of them
end in the functions of `PATCH_POINTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openwebui_usage.checks.losses import Loss
from openwebui_usage.rules.connections import ConnectionKind
from openwebui_usage.rules.wires import Wire

Kind = Literal["provider", "pipe", "direct", "embeddings", "proxy"]

_OPENAI = "open_webui.routers.openai"
_OLLAMA = "open_webui.routers.ollama"
_MAIN = "open_webui.main"


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function of the host."""

    module: str
    name: str
    sign: str | None = None
    """What a host has that offers what the function is for, see `compat.is_offered`; None: all hosts offer it."""
    loss: Loss = "uncounted"
    """What is lost where a host offers it, and has no such function."""

    @property
    def label(self) -> str:
        """Its name for people: `routers.openai.responses`."""
        return f"{self.module.removeprefix('open_webui.')}.{self.name}"


@dataclass(frozen=True, slots=True)
class PatchPoint(HostFunction):
    """A function of the host that calls a provider."""

    wire: Wire = "chat"
    kind: Kind = "provider"
    fallback: int | None = None
    """The place of the connection that the host takes for a model that no connection lists; None: it takes none."""
    takes_effort: bool = True

    @property
    def connection_kind(self) -> ConnectionKind:
        """The kind of connection that its calls go to."""
        if self.kind == "pipe" or self.kind == "direct":
            return self.kind
        return "ollama" if self.module == _OLLAMA else "openai"


PATCH_POINTS = (
    PatchPoint(_OPENAI, "generate_chat_completion"),
    PatchPoint(_OPENAI, "responses", "/responses", wire="responses", fallback=0),
    PatchPoint(_OPENAI, "embeddings", kind="embeddings", fallback=0),
    PatchPoint(_OPENAI, "proxy", kind="proxy", fallback=0),
    PatchPoint(_OLLAMA, "generate_chat_completion", wire="ollama"),
    PatchPoint(_OLLAMA, "generate_completion", wire="ollama", takes_effort=False),
    PatchPoint(_OLLAMA, "generate_openai_chat_completion"),
    PatchPoint(_OLLAMA, "generate_openai_completion"),
    PatchPoint(_OLLAMA, "generate_anthropic_messages", "/v1/messages", wire="anthropic"),
    PatchPoint(_OLLAMA, "generate_responses", "/v1/responses", wire="responses"),
    PatchPoint(_OLLAMA, "embed", wire="ollama", kind="embeddings"),
    PatchPoint(_OLLAMA, "embeddings", wire="ollama", kind="embeddings"),
    PatchPoint(_OLLAMA, "generate_openai_embeddings", "/v1/embeddings", kind="embeddings"),
    PatchPoint("open_webui.functions", "generate_function_chat_completion", kind="pipe"),
    PatchPoint("open_webui.utils.chat", "generate_direct_chat_completion", kind="direct"),
    PatchPoint(_MAIN, "passthrough_anthropic_messages", "is_anthropic_messages_passthrough", wire="anthropic"),
)

CHAT_ENDPOINT = HostFunction(_MAIN, "chat_completion", loss="no_429")
"""The one route that all chats come in by."""

DISPATCH = HostFunction("open_webui.utils.chat", "generate_chat_completion", loss="same_kind_only")
"""Sends a chat to the kind of connection that its model has."""

RESPONSES_PAYLOAD = HostFunction(_OPENAI, "convert_to_responses_payload", "/responses", loss="no_effort_in_responses")

LAST_CHANGES = (
    HostFunction("open_webui.utils.payload", "apply_model_params_to_body_openai", loss="effort_unrecorded"),
    HostFunction("open_webui.utils.payload", "apply_model_params_to_body_ollama", loss="effort_unrecorded"),
    HostFunction(_OPENAI, "convert_to_azure_payload", "convert_to_azure_payload", loss="effort_unrecorded"),
)
"""What the host does to a request after it has passed us, as far as that may set an effort or drop it. With
`RESPONSES_PAYLOAD`, which comes last.
"""

OUTLET = HostFunction("open_webui.utils.middleware", "outlet_filter_handler", loss="no_status_line")
"""Runs in the server once per reply, when it is complete; from 0.9 on."""

COMPLETED = HostFunction("open_webui.utils.chat", "chat_completed", loss=OUTLET.loss)
"""Runs once per reply where the page says that it is complete: before 0.9, see `compat.completes_replies`."""
