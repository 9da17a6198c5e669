"""
title: Usage metering
author: openwebui-usage
description: How calls are metered: connections that are not asked for their usage, connections that are free, and what passes while a limit exists although nobody can meter it.
version: 0.1.0
license: MIT
"""

# A filter without handlers, as reasoning_effort is: what is set here is applied where calls leave.

from pydantic import BaseModel, Field


class Filter:
    class Valves(BaseModel):
        not_asked_for_usage: str = Field(
            default="",
            description="Connections that are never asked to report usage in a stream (stream_options.include_usage): "
            "base URLs, host names or model prefixes, globs (* and ?) allowed, separated by commas. "
            "Their streams are counted by estimate unless they report usage by themselves.",
        )
        free_connections: str = Field(
            default="",
            description="Connections that cost nothing, such as your own machines: base URLs, host names or model "
            "prefixes, globs (* and ?) allowed, separated by commas. Example: http://192.168.*, localhost:11434. "
            "Their tokens are counted, at a cost of 0.",
        )
        allow_unknown_paths: bool = Field(
            default=False,
            description="Let calls through Open WebUI's pass-through routes reach provider paths that cannot be "
            "metered, also while a limit exists. Off: such calls are refused with HTTP 403 while any limit exists.",
        )
        allow_unknown_models: bool = Field(
            default=False,
            description="Let calls through Open WebUI's pass-through routes name models that Open WebUI does not "
            "list, also while a limit exists. Off: such calls are refused with HTTP 403 while any limit exists.",
        )

    def __init__(self) -> None:
        self.valves = self.Valves()
