"""Calls every repository function of a service again and again on one connection.

Arguments are made from each function's signature: by the parameter's name first (``samples`` of the service: ids of
rows that exist), then by its type. So a new repository function is rehearsed without anybody listing it; when a
parameter cannot be made up, the failure names it.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.subgraphs.statements import chassis

# PostgreSQL plans the first five executions of a prepared statement for their values, and may go generic after them.
ROUNDS: Final = 10

Function = Callable[..., Awaitable[Any]]
Call = Callable[[AsyncConnection], Awaitable[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Rehearsed:
    """A service: ``seed`` fills its empty database; a callable in ``samples`` makes a new value for each call.

    ``calls`` are the functions whose arguments no signature tells, such as ``**values``.
    ``partial_indexes`` says which functions exist to use which partial index.
    """

    service: str
    seed: Callable[[AsyncEngine], Awaitable[None]]
    samples: Mapping[str, Any]
    calls: Mapping[str, Call] = dataclasses.field(default_factory=dict)
    partial_indexes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def metadata(self) -> sa.MetaData:
        metadata: sa.MetaData = import_module(f"subgraphs.{self.service}.tables").metadata
        return metadata

    def modules(self) -> Iterator[ModuleType]:
        """The service's repositories, and the chassis's for those of its tables that the service has."""
        package = import_module(f"subgraphs.{self.service}")
        for name in {module.name for module in iter_modules(package.__path__)} & {"repository", "repositories"}:
            room = import_module(f"{package.__name__}.{name}")
            if not hasattr(room, "__path__"):
                yield room
                continue
            for module in iter_modules(room.__path__):
                yield import_module(f"{room.__name__}.{module.name}")
        for table in ("outbox", "inbox", "idempotency"):
            if table in self.metadata.tables:
                yield import_module(f"subgraphs.chassis.{table}")

    def functions(self) -> dict[str, Function]:
        """Every public coroutine function, as ``module.function``."""
        return {
            f"{module.__name__.rpartition('.')[2]}.{name}": function
            for module in self.modules()
            for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
            if not name.startswith("_") and function.__module__ == module.__name__
        }

    def variants(self, name: str, function: Function) -> list[Call]:
        """The function with its optional arguments left out, and with all of them given."""
        calls = {**chassis.CALLS, **self.calls}
        if name in calls:
            return [calls[name]]
        hints = typing.get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        optional = [one for one in parameters if one.default is not inspect.Parameter.empty]

        def call(left_out: list[inspect.Parameter]) -> Call:
            async def run(connection: AsyncConnection) -> Any:
                given = [one for one in parameters if one not in left_out]
                positional = [self._value(one, hints) for one in given if one.kind is not one.KEYWORD_ONLY]
                named = {one.name: self._value(one, hints) for one in given if one.kind is one.KEYWORD_ONLY}
                return await function(connection, *positional, **named)

            return run

        return [call(optional), call([])] if optional else [call([])]

    def _value(self, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and parameter.name not in self.samples:
            raise LookupError(f"{parameter} takes anything: write the call into `calls`")
        if parameter.name in self.samples:
            sample = self.samples[parameter.name]
            return sample() if callable(sample) else sample
        return made_up(hints[parameter.name])


def made_up(hint: Any) -> Any:
    """A value of that type; of an optional one, not None. Raises ``LookupError``."""
    simple: dict[Any, Callable[[], Any]] = {
        UUID: uuid4,
        str: lambda: "text",
        bytes: lambda: b"octets",
        int: lambda: 10,
        bool: lambda: True,
        datetime: lambda: datetime.now(UTC),
        date: lambda: datetime.now(UTC).date(),
        timedelta: lambda: timedelta(seconds=1),
    }
    if hint in simple:
        return simple[hint]()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return hint(**{one.name: made_up(hints[one.name]) for one in dataclasses.fields(hint) if one.init})
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return made_up(next(one for one in arguments if one is not type(None)))
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        return tuple(made_up(one) for one in arguments)
    if origin is frozenset:
        return frozenset({made_up(arguments[0])})
    if origin in (list, tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection):
        return [made_up(arguments[0])]
    if origin in (dict, collections.abc.Mapping):
        return {made_up(arguments[0]): made_up(arguments[1])}
    raise LookupError(f"no sample of {hint}")


async def rehearse(connection: AsyncConnection, call: Call) -> None:
    """Ten times, each in a transaction that is undone, so that every time finds the same rows."""
    for _ in range(ROUNDS):
        transaction = await connection.begin()
        try:
            await call(connection)
        finally:
            await transaction.rollback()


@contextmanager
def statements_of(engine: AsyncEngine) -> Iterator[list[str]]:
    """The SQL texts that are executed meanwhile, as PostgreSQL gets them."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement not in seen:
            seen.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)
