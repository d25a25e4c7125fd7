"""`reservationStatus` over a real WebSocket: the present state first, every change, an end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
import websockets
from fastapi import FastAPI

from subgraphs.chassis.app import WATCHERS_POOL_SIZE
from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from tests.subgraphs.ticketing.conftest import LAWN, Service, end_hold, service_token, wanted

Follow = Callable[..., Any]
WATCH = """subscription ($id: ID!) { reservationStatus(id: $id) {
    status queuePosition heldUntil units { label } tickets { code } } }"""


@pytest.fixture
async def follow(app: FastAPI, service: Service, keys: Any) -> AsyncIterator[Follow]:
    """`async with follow(reservation, customer) as read:` then `await read()` → (type, payload) of a message."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    @asynccontextmanager
    async def connect(reservation: UUID | str, customer: UUID | None) -> AsyncIterator[Callable[[], Any]]:
        token = service_token(keys, "gateway", customer)
        async with websockets.connect(
            f"ws://127.0.0.1:{port}/graphql",
            additional_headers={"Authorization": f"Bearer {token}"},
            subprotocols=[websockets.Subprotocol("graphql-transport-ws")],
        ) as socket:
            id_ = reservation if isinstance(reservation, str) else global_id.encode("Reservation", reservation)
            await socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            payload = {"query": WATCH, "variables": {"id": id_}}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))

            async def read() -> tuple[str, Any]:
                async with asyncio.timeout(60):
                    message = json.loads(await socket.recv())
                payload = message.get("payload")
                shown = payload.get("data") if isinstance(payload, dict) and payload.get("data") else None
                return message["type"], shown["reservationStatus"] if shown else payload

            yield read

    yield connect
    server.should_exit = True
    await serving


async def test_it_tells_every_state_from_the_line_to_the_tickets_and_ends(
    follow: Follow, service: Service, put_in_line: Callable[..., UUID]
) -> None:
    ana = uuid4()
    for sequence in (1, 2):
        put_in_line(uuid4(), LAWN, sequence=sequence)
    queued = put_in_line(ana, LAWN, sequence=3)
    async with follow(queued, ana) as read:
        kind, first = await read()
        assert (kind, first["status"], first["queuePosition"]) == ("next", "QUEUED", 3)
        await service.held(uuid4(), LAWN, 1, sequence=1)
        assert (await read())[1]["queuePosition"] == 2
        await service.allocate(wanted(ana, LAWN, 1, reservationId=str(queued), sequence=3))
        _, held = await read()
        assert (held["status"], held["queuePosition"], len(held["units"])) == ("HELD", None, 1)
        await service.checkout(queued, ana)
        assert (await read())[1]["status"] == "AWAITING_PAYMENT"
        await service.confirm(queued, ana, 11_000)
        _, confirmed = await read()
        assert (confirmed["status"], len(confirmed["tickets"])) == ("CONFIRMED", 1)
        assert (await read())[0] == "complete"


async def test_changes_of_others_are_not_told(follow: Follow, service: Service) -> None:
    """Between two states of one's own, whatever happens to others stays unheard."""
    ana = uuid4()
    mine = await service.held(ana)
    async with follow(mine, ana) as read:
        assert (await read())[1]["status"] == "HELD"
        for _ in range(3):
            stranger = uuid4()
            await service.cancel(await service.held(stranger), stranger)
        await service.cancel(mine, ana)
        assert (await read())[1]["status"] == "CANCELLED"
        assert (await read())[0] == "complete"


async def test_what_is_settled_is_told_once(follow: Follow, service: Service) -> None:
    ana = uuid4()
    [outcome] = await service.allocate(wanted(ana, LAWN, 9))
    async with follow(UUID(outcome["reservationId"]), ana) as read:
        assert (await read())[1]["status"] == "REJECTED_INVALID"
        assert (await read())[0] == "complete"


async def test_the_end_of_a_hold_is_told_although_nobody_ended_it(
    follow: Follow, service: Service, db: Database
) -> None:
    ana = uuid4()
    mine = await service.held(ana)
    await end_hold(db, mine, in_seconds=1)
    async with follow(mine, ana) as read:
        assert (await read())[1]["status"] == "HELD"
        _, ended = await read()
        assert (ended["status"], ended["heldUntil"]) == ("EXPIRED", None)
        assert (await read())[0] == "complete"


async def test_foreign_missing_and_signed_out_are_answered_alike(
    follow: Follow, service: Service, put_in_line: Callable[..., UUID]
) -> None:
    ana, eve = uuid4(), uuid4()
    mine, queued = await service.held(ana), put_in_line(ana)
    answers = []
    for reservation, customer in ((mine, eve), (queued, eve), (mine, None), (uuid4(), ana), ("garbage", ana)):
        async with follow(reservation, customer) as read:
            answers.append(await read())
    kind, payload = answers[0]
    errors = payload["errors"] if kind == "next" else payload
    assert errors[0]["extensions"]["code"] == "NOT_FOUND"
    assert all(answer == answers[0] for answer in answers)


async def test_requests_that_take_every_connection_hold_up_no_push(
    follow: Follow, service: Service, app: FastAPI
) -> None:
    """And the other way round: watchers read through a few connections of their own."""
    ana = uuid4()
    mine = await service.held(ana)
    running = app.state.running
    async with AsyncExitStack() as busy:
        for _ in range(2 * running.settings.database_pool_size):
            await busy.enter_async_context(running.database.connect())
        async with follow(mine, ana) as read:
            kind, first = await read()
            assert (kind, first["status"], len(first["units"])) == ("next", "HELD", 1)
    async with AsyncExitStack() as busy:
        for _ in range(2 * WATCHERS_POOL_SIZE):
            await busy.enter_async_context(running.watchers_database.connect())
        assert await service.status(mine, ana) == "HELD"
