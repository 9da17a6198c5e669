"""Runs inside LiteLLM's proxy: the key with its budget, and a line for each call that LiteLLM has counted."""

from __future__ import annotations

import json
import os
from typing import Any

from fastapi import Request
from litellm.integrations.custom_logger import CustomLogger  # type: ignore[import-not-found]
from litellm.proxy._types import UserAPIKeyAuth  # type: ignore[import-not-found]


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key != os.environ["BENCH_KEY"]:
        raise ValueError("unknown key")
    return UserAPIKeyAuth(api_key=api_key, max_budget=float(os.environ["BENCH_BUDGET"]))


class Counter(CustomLogger):  # type: ignore[misc]
    """A failed call counts as well, for what LiteLLM says that it used."""

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._write(kwargs)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._write(kwargs)

    @staticmethod
    def _write(kwargs: Any) -> None:
        record = kwargs.get("standard_logging_object") or {}
        line = {"model": record.get("model_group"), "tokens": record.get("total_tokens") or 0}
        with open(os.environ["BENCH_COUNTS"], "a") as file:
            file.write(json.dumps(line) + "\n")


counter = Counter()
