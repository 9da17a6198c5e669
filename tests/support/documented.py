"""Answers over HTTP, held against what OpenAPI says of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import httpx
import jsonschema_rs
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute, Match


class Documented:
    """The routes of an app with their documentation."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self.openapi = get_openapi(title="Tested", version="1.0", routes=routes)
        self._strict = copy.deepcopy(self.openapi)
        """No answer may have a field that is not documented, though more may come one day."""
        for schema in self._strict["components"]["schemas"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False

    def check(self, answer: httpx.Response) -> None:
        """Raises AssertionError where an answer is not as documented, or has a field that is not."""
        operation = self._operation(answer.request)
        if operation is None:
            return
        answer.read()
        status, where = str(answer.status_code), f"{answer.request.method} {answer.request.url.path}"
        assert status in operation["responses"], f"{where} does not say that it answers {status}: {answer.text}"
        kind = answer.headers["content-type"].partition(";")[0]
        content = operation["responses"][status]["content"]
        assert kind in content, f"{where} does not say that it answers {kind}"
        if kind == "application/json":
            assert self.complaints(content[kind]["schema"], answer.json()) == [], f"{where} {status}"

    def complaints(self, schema: dict[str, Any], value: Any) -> list[str]:
        """What is wrong with `value`."""
        validator = jsonschema_rs.validator_for({**schema, "components": self._strict["components"]})
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        """What is documented of a request; None where that is nothing."""
        scope = {"type": "http", "method": request.method, "path": request.url.path, "headers": []}
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                item = self._strict["paths"].get(getattr(route, "path_format", None), {})
                return item.get(request.method.lower())
        return None
