"""What Open WebUI knows of its models: base model, name, own effort, and who may use them."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

from fastapi import FastAPI, Request

from openwebui_usage.host.compat import groups_of_members, including_outer_groups, maybe_await, usable_models
from openwebui_usage.rules.connections import ConnectionKind
from openwebui_usage.rules.effort import is_explicit

T = TypeVar("T")
_now = time.monotonic
REMEMBER_SECONDS = 5.0
_REMEMBER_FOR_REPORTS, _REFRESH_FOR_REPORTS = 600.0, 60.0
_PATIENCE = 1.0
"""Seconds that a call waits for what only reports ask for."""
_MOST_REMEMBERED = 4096
_MOST_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the host."""

    id: str
    name: str
    base: str | None
    own_controls: bool
    """The admin gave it model controls."""

    @property
    def ids(self) -> frozenset[str]:
        """The ids by which groups and effort rules know it."""
        return frozenset((self.id, self.base)) if self.base else frozenset((self.id,))


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """What decides, beside a user's role and user groups, which models the user can use."""

    state: tuple[str, ...]
    """Equal as long as nothing of it has changed."""
    named: frozenset[str]
    """Everything that is named by it: the users who own a model or may use one, among others."""


class AsyncTTLCache:
    """Remembers answers for a few seconds: nothing of the host's database is asked on the path of every call.

    Whoever asks while the same is being asked waits for that answer, or many calls at once would ask many times.
    """

    def __init__(self) -> None:
        """Empty."""
        self._answers: dict[Any, tuple[float, Any]] = {}
        """Until when each answer holds, the longest remembered first."""
        self._asking: dict[Any, asyncio.Task[Any]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    async def get(
        self, key: Any, ask: Callable[[], Any], seconds: float = REMEMBER_SECONDS, *, refresh: float | None = None
    ) -> Any:
        """The answer to `key`, from memory or by `ask`, a function that may return an awaitable.

        An answer that is remembered for longer than `refresh` seconds is given once more, while it is asked for anew.
        """
        key = _short(key)
        known = self._answers.get(key)
        if known is None or (left := known[0] - _now()) <= 0:
            return await asyncio.shield(self._ask(key, ask, seconds))  # Whoever asked first may go away.
        if refresh is not None and left < seconds - refresh:
            self._ask(key, ask, seconds)
        return known[1]

    def _ask(self, key: Any, ask: Callable[[], Any], seconds: float) -> asyncio.Task[Any]:
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(_answer(ask))
            asking.add_done_callback(functools.partial(self._answered, key, seconds))
        return asking

    def _answered(self, key: Any, seconds: float, asked: asyncio.Task[Any]) -> None:
        del self._asking[key]
        self._answers.pop(key, None)
        now = _now()
        while self._answers:
            oldest = next(iter(self._answers))
            if self._answers[oldest][0] > now and len(self._answers) < _MOST_REMEMBERED:
                break
            del self._answers[oldest]
        if asked.cancelled() or asked.exception() is not None:
            return
        self._answers[key] = (now + seconds, asked.result())


def _short(key: Any) -> Any:
    """A key that takes little room, whatever a caller put into it."""
    if isinstance(key, tuple):
        return tuple(map(_short, key))
    if isinstance(key, str) and len(key) > _MOST_CHARACTERS:
        return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return key


async def _answer(ask: Callable[[], Any]) -> Any:
    return await maybe_await(ask())


class HostModels:
    """The models of one host application."""

    def __init__(self, app: FastAPI) -> None:
        """`app.state.MODELS` is filled by the host, by and by."""
        self._app = app
        self._memo = AsyncTTLCache()
        self._group_names: dict[str, str] = {}
        """The names of user groups as they were seen last, whoever's membership they were asked for."""

    async def base_of(self, model_id: str) -> str | None:
        """The base model of a workspace model; None for all others."""

        async def ask() -> str | None:
            model = await self._read(lambda: self._all().get(model_id))
            if model is not None:
                return _base(model)
            # After a start the host knows its models only once somebody has asked for them.
            from open_webui.models.models import Models

            row = await maybe_await(Models.get_model_by_id(model_id))
            return None if row is None else row.base_model_id or None

        base: str | None = await self._memo.get(("base", model_id), ask)
        return base

    async def connection_kind(self, model_id: str, request: Request, user: Any) -> ConnectionKind | None:
        """The kind of connection that a chat goes to; None for an unknown model, and where the host picks one of many.

        `request` and `user` are for the host, where it does not know its models yet.
        """

        async def ask() -> ConnectionKind | None:
            if not await self._read(lambda: len(self._all())):
                await self._load(request, user)
            model = await self._read(lambda: self._all().get(model_id))
            owner = None if model is None else model.get("owned_by")
            if model is None or owner == "arena":
                return None
            if model.get("pipe"):
                return "pipe"
            return "ollama" if owner == "ollama" else "openai"

        kind: ConnectionKind | None = await self._memo.get(("kind", model_id), ask)
        return kind

    async def takes_images(self, model_id: str) -> bool:
        """Whether a model takes images: all do of which an admin did not say otherwise, as in the host's own page."""
        model = await self._read(lambda: self._all().get(model_id))
        capabilities = (((model or {}).get("info") or {}).get("meta") or {}).get("capabilities") or {}
        return capabilities.get("vision") is not False

    async def has_own_effort(self, model_id: str) -> bool:
        """Whether the model's own parameters say how hard it thinks."""
        return is_explicit(await self.own_parameters(model_id))

    async def own_parameters(self, model_id: str) -> dict[str, Any]:
        """The parameters that an admin gave a model, `custom_params` among the others as well as by themselves."""

        async def ask() -> dict[str, dict[str, Any]]:
            found = {row.id: _params(row) for row in await self._rows()}
            return {id_: {**params, **_custom(params)} for id_, params in found.items() if params}

        own: dict[str, dict[str, Any]] = await self._memo.get("own parameters", ask)
        return own.get(model_id, {})

    async def user_groups(self, user_id: str) -> tuple[str, ...]:
        """Ids of the user groups that a user is a member of."""
        return tuple(await self.user_group_names(user_id))

    async def user_group_names(self, user_id: str) -> Mapping[str, str]:
        """The names of those groups by their ids."""

        async def ask() -> Mapping[str, str]:
            found = await _groups_of(user_id)
            if len(self._group_names) > _MOST_REMEMBERED:
                self._group_names.clear()
            self._group_names.update(found)
            return found

        names: Mapping[str, str] = await self._memo.get(("groups", user_id), ask)
        return names

    async def own_user_group_names(self, user_id: str) -> Mapping[str, str]:
        """The same without the groups that those are within."""
        names: Mapping[str, str] = await self._memo.get(("own groups", user_id), lambda: _own_groups_of(user_id))
        return names

    async def remembered_user_group_names(self, user_id: str) -> Mapping[str, str]:
        """The same as they were a while ago: good enough for a report, and asked for by every call.

        The host's query takes 2.5 ms. A call waits for it where the user's last one was ten minutes before; else it is
        asked beside the call, at most once a minute, for the next. Raises TimeoutError where that takes too long.

        A group has one name at a time, whoever is a member: after a renaming, members are asked for one by one, and the
        ledger would be told the old name and the new one by turns.
        """

        async def ask() -> Mapping[str, str]:
            async with asyncio.timeout(_PATIENCE):
                return await self.user_group_names(user_id)

        names: Mapping[str, str] = await self._memo.get(
            ("groups for reports", user_id), ask, _REMEMBER_FOR_REPORTS, refresh=_REFRESH_FOR_REPORTS
        )
        return {id_: self._group_names.get(id_, name) for id_, name in names.items()}

    async def visible_to(self, user: Any, request: Request | None = None) -> list[Model]:
        """The models that `user` (the host's user) can use."""

        async def ask() -> list[Model]:
            return [_model(model) for model in await usable_models(await self._listed(user, request), user)]

        visible: list[Model] = await self._memo.get(("visible", user.id, user.role), ask)
        return visible

    async def visible_now(self, user_id: str, role: str) -> list[Model]:
        """The models that a user can use at this moment, as far as the host knows them."""
        user = SimpleNamespace(id=user_id, role=role)
        return [_model(model) for model in await usable_models(await self._listed(user, None), user)]

    async def user_groups_of(self, user_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The ids of the user groups of many users, by the users' ids, as they are at this moment."""
        return await groups_of_members(list(user_ids))

    @property
    def ids_at_hand(self) -> frozenset[str]:
        """The ids of the host's models, where no question is needed: with several workers they are in Redis."""
        models = getattr(self._app.state, "MODELS", None)
        return frozenset(models) if isinstance(models, dict) else frozenset()

    async def access(self) -> ModelAccess:
        """What decides, beside a user's role and user groups, which models the user can use."""
        rows = [[row.id, row.user_id, *_access_of(vars(row))] for row in await self._rows()]
        listed = [[model["id"], _base(model), *_access_of_info(model)] for model in await self._listed(None, None)]
        return ModelAccess(tuple(sorted(map(repr, rows + listed))), frozenset(_texts(rows + listed)))

    async def _rows(self) -> list[Any]:
        """What the host's database says of models."""
        from open_webui.models.models import Models

        return list(await maybe_await(Models.get_all_models()))

    async def offered(self, user: Any, request: Request) -> list[Model]:
        """All models, whoever may use them, but for arenas, which ask others of them. `user` is the host's."""
        return [_model(model) for model in await self._listed(user, request) if not model.get("arena")]

    async def _listed(self, user: Any, request: Request | None) -> list[dict[str, Any]]:
        """What the host knows; where that is nothing yet, what it learns by asking its connections."""
        models = await self._read(lambda: list(self._all().values()))
        if not models and request is not None:
            await self._load(request, user)
            models = await self._read(lambda: list(self._all().values()))
        return models

    async def _load(self, request: Request, user: Any) -> None:
        """Have the host ask its connections for their models, as it would itself."""
        from open_webui.utils.models import get_all_models

        await maybe_await(get_all_models(request, user=user))

    async def _read(self, read: Callable[[], T]) -> T:
        """With several workers the host keeps its models in Redis, and asks it synchronously."""
        is_here = isinstance(getattr(self._app.state, "MODELS", None), dict | type(None))
        return read() if is_here else await asyncio.to_thread(read)

    def _all(self) -> Any:
        return getattr(self._app.state, "MODELS", None) or {}


async def _groups_of(user_id: str) -> Mapping[str, str]:
    from open_webui.models.groups import Groups

    find = Groups.get_groups_by_member_id
    return {group.id: group.name for group in await maybe_await(find(user_id, **including_outer_groups(find)))}


async def _own_groups_of(user_id: str) -> Mapping[str, str]:
    from open_webui.models.groups import Groups

    return {group.id: group.name for group in await maybe_await(Groups.get_groups_by_member_id(user_id))}


def _base(model: dict[str, Any] | None) -> str | None:
    base = ((model or {}).get("info") or {}).get("base_model_id")
    return base if isinstance(base, str) and base else None


def _model(model: dict[str, Any]) -> Model:
    params = (model.get("info") or {}).get("params")
    controls = isinstance(params, dict) and bool(params.get("model_controls"))
    return Model(model["id"], str(model.get("name") or model["id"]), _base(model), controls)


def _access_of(values: Mapping[str, Any]) -> list[Any]:
    """Grants, which are since 0.8 what says who may use something, and what said so before."""
    return [_plain(values.get("access_grants")), _plain(values.get("access_control"))]


def _access_of_info(model: Mapping[str, Any]) -> list[Any]:
    """An arena has it among what is told about it."""
    info = model.get("info") or {}
    return [info.get("user_id"), *_access_of(info), *_access_of(info.get("meta") or {}), bool(model.get("arena"))]


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sorted(map(_plain, value), key=repr)
    return value.model_dump() if hasattr(value, "model_dump") else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _params(row: Any) -> dict[str, Any]:
    return row.params.model_dump() if row.params is not None else {}


def _custom(params: dict[str, Any]) -> dict[str, Any]:
    custom = params.get("custom_params")
    return {name: value for name, value in custom.items() if value is not None} if isinstance(custom, dict) else {}
