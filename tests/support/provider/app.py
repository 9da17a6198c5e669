"""The stand-in's routes: five APIs of model providers, and the control of it all."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.provider.behaviour import PRESETS, Behaviour
from tests.support.provider.book import Book, Entry
from tests.support.provider.plan import Bill, plan
from tests.support.provider.refusing import refusal
from tests.support.provider.sending import Streamed, Whole
from tests.support.provider.wire import Wire, anthropic, encode, ollama, openai_chat, openai_responses, openai_text

CONNECTIONS = ("", "/openai", "/responses", "/anthropic", "/ollama")
"""Every API stands under each of these. They differ in the models that they list: without a prefix all."""
_KEPT_HEADERS = ("x-", "user-agent", "anthropic-")


class StandIn:
    """A model provider that knows what it billed."""

    def __init__(self) -> None:
        self.book = Book()
        self.behaviours = dict(PRESETS)
        self.app = Starlette(routes=[*self._control_routes(), *self._provider_routes()])

    def _control_routes(self) -> list[Route]:
        return [
            Route("/health", self.health),
            Route("/book", self.read_book, methods=["GET"]),
            Route("/book", self.clear_book, methods=["DELETE"]),
            Route("/behaviour", self.reset_behaviours, methods=["DELETE"]),
            Route("/behaviour/{model:path}", self.set_behaviour, methods=["PUT"]),
        ]

    def _provider_routes(self) -> list[Route]:
        answers: dict[str, Wire] = {
            "/v1/chat/completions": openai_chat,
            "/v1/completions": openai_text,
            "/v1/responses": openai_responses,
            "/v1/messages": anthropic,
            "/api/chat": ollama.chat,
            "/api/generate": ollama.generate,
        }
        routes = []
        for prefix in CONNECTIONS:
            routes += [Route(prefix + path, self._answers(wire), methods=["POST"]) for path, wire in answers.items()]
            routes += [
                Route(f"{prefix}/v1/models", self.list_models),
                Route(f"{prefix}/v1/embeddings", self.embed, methods=["POST"]),
                Route(f"{prefix}/v1/messages/count_tokens", self.count_tokens, methods=["POST"]),
                Route(f"{prefix}/api/tags", self.list_ollama_models),
                Route(f"{prefix}/api/version", self.ollama_version),
                Route(f"{prefix}/api/ps", self.list_loaded_models),
                Route(f"{prefix}/api/show", self.show_ollama_model, methods=["POST"]),
                Route(f"{prefix}/api/embed", self.embed, methods=["POST"]),
                Route(f"{prefix}/api/embeddings", self.embed, methods=["POST"]),
                Route(f"{prefix}/v1/{{path:path}}", self.answer_anything, methods=["POST", "PUT"]),
            ]
        return routes

    # --- control

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": True})

    async def read_book(self, request: Request) -> Response:
        return JSONResponse([asdict(entry) for entry in self.book.entries])

    async def clear_book(self, request: Request) -> Response:
        self.book.clear()
        return JSONResponse({"status": True})

    async def set_behaviour(self, request: Request) -> Response:
        """The model's preset with these fields on top; a name without a preset becomes a new model."""
        model = request.path_params["model"]
        try:
            behaviour = Behaviour.from_json(await request.json(), base=PRESETS.get(model))
        except (TypeError, ValueError) as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        self.behaviours[model] = behaviour
        return JSONResponse(asdict(behaviour))

    async def reset_behaviours(self, request: Request) -> Response:
        self.behaviours = dict(PRESETS)
        return JSONResponse({"status": True})

    # --- answers

    def _answers(self, wire: Wire) -> Any:
        async def answer(request: Request) -> Response:
            body = await request.json()
            call = wire.read(body)
            entry = self._open(wire.API, request, body)
            entry.stream, entry.task = call.stream, call.is_task
            behaviour = self.behaviours.get(call.model)
            if behaviour is None:
                return self._refuse(wire, entry, 404, f"The model '{call.model}' does not exist.")
            if behaviour.status >= 400:
                return self._refuse(wire, entry, behaviour.status, "The stand-in refuses, as told.", behaviour)
            refused = next((field for field in behaviour.refuses if field in body), None)
            if refused is not None:
                no = refusal(behaviour.refusal, refused)
                entry.status = no.status_code
                entry.end("refused")
                return no
            if behaviour.strict and (complaint := wire.complaint(body, behaviour)):
                return self._refuse(wire, entry, 400, complaint)
            answer_with = Streamed if call.stream else Whole
            return answer_with(entry, wire, plan(call, behaviour))

        return answer

    async def embed(self, request: Request) -> Response:
        body = await request.json()
        given = body.get("input", body.get("prompt"))
        inputs = given if isinstance(given, list) else [given]
        entry = self._open("embeddings", request, body)
        if entry.model not in self.behaviours:
            return self._refuse(openai_chat, entry, 404, f"The model '{entry.model}' does not exist.")
        bill = Bill(prompt=max(1, len(encode.text_of(inputs)) // 4))
        entry.bill(bill, completion=0)
        entry.end("done")
        vectors = [[0.25, 0.5, 0.75] for _ in inputs]
        if request.url.path.endswith("/api/embeddings"):
            return JSONResponse({"embedding": vectors[0]})
        if request.url.path.endswith("/api/embed"):
            entry.reported = {"prompt_eval_count": bill.prompt}
            return JSONResponse({"model": entry.model, "embeddings": vectors, **entry.reported})
        entry.reported = {"prompt_tokens": bill.prompt, "total_tokens": bill.prompt}
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        return JSONResponse({"object": "list", "model": entry.model, "data": data, "usage": entry.reported})

    async def answer_anything(self, request: Request) -> Response:
        """An endpoint that no API describes, and that bills all the same."""
        try:
            body = await request.json()
        except ValueError:
            body = {}
        entry = self._open("chat", request, body if isinstance(body, dict) else {})
        bill = Bill(prompt=11, visible=7)
        entry.bill(bill, completion=7)
        entry.end("done")
        entry.reported = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        return JSONResponse({"object": "anything", "usage": entry.reported})

    async def count_tokens(self, request: Request) -> Response:
        """Free of charge, hence not in the book."""
        call = anthropic.read(await request.json())
        return JSONResponse({"input_tokens": max(1, len(call.prompt) // 4)})

    def _open(self, api: str, request: Request, body: dict[str, Any]) -> Entry:
        headers = {name: value for name, value in request.headers.items() if name.startswith(_KEPT_HEADERS)}
        return self.book.open(
            api=api, path=request.url.path, model=str(body.get("model")), request=body, headers=headers
        )

    @staticmethod
    def _refuse(
        wire: Wire, entry: Entry, status: int, message: str, behaviour: Behaviour | None = None
    ) -> JSONResponse:
        entry.status = status
        entry.end("refused")
        retry = {"Retry-After": str(behaviour.retry_after)} if behaviour and behaviour.retry_after is not None else {}
        return JSONResponse(wire.error(status, message), status_code=status, headers=retry)

    # --- lists of models

    async def list_models(self, request: Request) -> Response:
        models = [
            {"id": model, "object": "model", "created": 1_760_000_000, "owned_by": "stand-in"}
            for model in self._models(request)
        ]
        return JSONResponse({"object": "list", "data": models})

    async def list_ollama_models(self, request: Request) -> Response:
        return JSONResponse({"models": [_ollama_model(model) for model in self._models(request)]})

    async def list_loaded_models(self, request: Request) -> Response:
        return JSONResponse({"models": []})

    async def ollama_version(self, request: Request) -> Response:
        return JSONResponse({"version": "0.14.0"})

    async def show_ollama_model(self, request: Request) -> Response:
        body = await request.json()
        behaviour = self.behaviours.get(body.get("model") or body.get("name"), Behaviour())
        capabilities = ["completion", "tools", *(["thinking"] if behaviour.reasons else [])]
        return JSONResponse({"details": {"family": "stand-in"}, "model_info": {}, "capabilities": capabilities})

    def _models(self, request: Request) -> list[str]:
        first = request.url.path.split("/")[1]
        wanted = first if f"/{first}" in CONNECTIONS else None
        return [model for model, behaviour in self.behaviours.items() if wanted in (None, behaviour.connection)]


def _ollama_model(model: str) -> dict[str, Any]:
    return {
        "name": model,
        "model": model,
        "modified_at": "2026-01-01T00:00:00Z",
        "size": 1_000_000,
        "digest": "0" * 64,
        "details": {"format": "gguf", "family": "stand-in", "parameter_size": "1B", "quantization_level": "Q4_0"},
    }
