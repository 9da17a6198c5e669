"""How providers refuse a field of a request: each shape is a status and a body, JSON or text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

Shape = Callable[[str], tuple[int, Any]]


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def _extra(field: str, **more: Any) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted", **more}


SHAPES: dict[str, Shape] = {
    "openai": lambda field: (400, _error(f"Unknown parameter: '{field}'.", param=field, code="unknown_parameter")),
    "message": lambda field: (400, _error(f"Unrecognized request argument supplied: {field}", param=None, code=None)),
    "unsupported": lambda field: (
        400,
        _error(f"Unsupported parameter: '{field}' is not supported with this model.", param=field),
    ),
    "pydantic": lambda field: (422, {"detail": [_extra(field, input={"include_usage": True})]}),
    "mistral": lambda field: (422, {"object": "error", "message": {"detail": [_extra(field)]}, "code": None}),
    "vllm": lambda field: (
        400,
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', '" + field + "'), "
            "'msg': 'Extra inputs are not permitted', 'input': {}}]",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "anthropic": lambda field: (400, {"type": "error", **_error(f"{field}: Extra inputs are not permitted")}),
    "groq": lambda field: (400, _error(f"property '{field}' is unsupported")),
    "gemini": lambda field: (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": f'Invalid JSON payload received. Unknown name "{field}": Cannot find field.',
                }
            }
        ],
    ),
    "map": lambda field: (422, {"errors": {field: ["Unknown field."]}}),
    "ollama": lambda field: (400, {"error": f'json: unknown field "{field}"'}),
    "string": lambda field: (400, {"detail": f"{field} is not allowed"}),
    "text": lambda field: (400, f"Bad request: unexpected field {field}"),
    "html": lambda field: (400, f"<html><body><h1>400</h1><p>unknown parameter &quot;{field}&quot;</p></body></html>"),
    "python": lambda field: (500, f"TypeError: create() got an unexpected keyword argument '{field}'"),
    "events": lambda field: (400, "data: " + '{"error": {"message": "' + field + ' is not supported"}}' + "\n\n"),
}


def refusal(shape: str, field: str) -> Response:
    """A refusal of `field` in one of the `SHAPES`."""
    status, body = SHAPES[shape](field)
    if shape == "events":
        return Response(body, status, media_type="text/event-stream")
    return PlainTextResponse(body, status) if isinstance(body, str) else JSONResponse(body, status)
