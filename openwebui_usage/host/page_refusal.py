"""A refusal in a chat of the page, where the host takes no response for one."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from starlette.responses import Response

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import completes_replies
from openwebui_usage.host.patch_points import OUTLET


class RefusedInPage(Exception):
    """The refusal as an exception, whose text the page shows."""

    def __init__(self, response: Response) -> None:
        """`response` is one of `refusals`."""
        super().__init__(json.loads(bytes(response.body))["detail"])


def as_page_takes(response: Response, arguments: Arguments) -> Response:
    """`response`, which refuses a call. Raises it where the call is the reply of a chat in a page that would go on
    waiting.
    """
    form_data = arguments.form_data
    metadata = form_data.get("metadata") if isinstance(form_data, Mapping) else None
    if not isinstance(metadata, Mapping) or metadata.get("task"):
        return response
    has_page = all(metadata.get(name) for name in ("session_id", "chat_id", "message_id"))
    if has_page and not completes_replies(sys.modules.get(OUTLET.module)):
        raise RefusedInPage(response)
    return response
