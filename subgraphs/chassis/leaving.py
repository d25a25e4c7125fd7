"""Work that is worth nothing once its caller has gone, inside a mutation that is otherwise brought to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Final, TypeVar

from subgraphs.chassis.graphql.errors import ClientFault

T = TypeVar("T")

caller_gone: Final[ContextVar[asyncio.Event | None]] = ContextVar("caller_gone", default=None)
"""Set for each admitted operation; the event is set when its caller has gone."""


class CallerGone(ClientFault):
    """Nobody reads it."""

    code = "CALLER_GONE"


async def while_wanted(work: Awaitable[T]) -> T:
    """The result of ``work``, which is cancelled when the caller goes first. Raises ``CallerGone`` then."""
    gone = caller_gone.get()
    working = asyncio.ensure_future(work)
    if gone is None:
        return await working
    leaving = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerGone("The caller has gone.")
    finally:
        leaving.cancel()
        working.cancel()
