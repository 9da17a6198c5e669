"""A refusal in a chat of the page, where the host takes no response for one."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from starlette.responses import Response

from openwebui_usage.host.arguments import Arguments
from openwebui_usage.host.compat import completes_replies
from openwebui_usage.host.patch_points import OUTLET
from openwebui_usage.host.request_state import until_page_listens


class RefusedInPage(Exception):
    """The refusal as an exception, whose text the page shows."""

    def __init__(self, response: Response) -> None:
        """`response` is one of `refusals`."""
        super().__init__(json.loads(bytes(response.body))["detail"])


async def as_page_takes(response: Response, arguments: Arguments) -> Response:
    """`response`, which refuses a call. Raises it where the call is the reply of a chat in a page that would go on
    waiting.

    A page learns the id of a new chat, and of the task that its Stop button ends, from the answer to its question. What
    it is told before is missed, or leaves the button there. As a refusal takes no time, it waits for that answer.
    """
    form_data = arguments.form_data
    metadata = form_data.get("metadata") if isinstance(form_data, Mapping) else None
    if not isinstance(metadata, Mapping) or metadata.get("task"):
        return response
    has_page = all(metadata.get(name) for name in ("session_id", "chat_id", "message_id"))
    if not has_page:
        return response
    await until_page_listens(arguments.http_request)
    if raises_in_page():
        raise RefusedInPage(response)
    return response


def raises_in_page() -> bool:
    """Whether a chat of the page is refused by an exception: where the host would not end the reply by itself."""
    return not completes_replies(sys.modules.get(OUTLET.module))
