"""What a resolver is given: ``info.context``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from starlette.requests import HTTPConnection
from strawberry.dataloader import DataLoader
from strawberry.fastapi import BaseContext

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.identity import Identity

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Context(BaseContext):
    """``resources`` is what the service's own ``resources`` factory opened; annotate it where it is used.

    ``client_address`` is that of the person's device or line, where the gateway says so: see ``client_address.py``.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        locale: Locale = Locale.PT_BR,
        database: Database | None = None,
        resources: Any = None,
        connection: HTTPConnection | None = None,
        request_id: str = "",
        client_address: str | None = None,
    ) -> None:
        super().__init__()
        self.identity = identity
        self.locale = locale
        self.resources = resources
        self.connection = connection
        self.request_id = request_id
        self.client_address = client_address
        self._database = database
        self._loaders: dict[str, DataLoader[Any, Any]] = {}

    @property
    def database(self) -> Database:
        if self._database is None:
            raise RuntimeError("this service has no database")
        return self._database

    @property
    def customer_id(self) -> UUID | None:
        return self.identity.customer_id

    def loader(self, name: str, load: Callable[[list[K]], Awaitable[list[V]]]) -> DataLoader[K, V]:
        """The request's DataLoader of that name. ``load`` answers keys in order; a value may be an exception.

        A WebSocket is one long request, so there it batches but remembers nothing.
        """
        loader = self._loaders.get(name)
        if loader is None:
            remembers = self.connection is None or self.connection.scope["type"] == "http"
            loader = self._loaders[name] = DataLoader(load_fn=load, max_batch_size=500, cache=remembers)
        return loader


Info: TypeAlias = strawberry.Info[Context, None]
