"""No value of any argument is told as the service's fault."""

import httpx

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.sdl import sdl
from tests.subgraphs.concessions.conftest import VENUE, Service
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack, headers

WORKERS = ("confirmConcessionOrder", "expireConcessionOrder", "cancelConcessionOrder")


async def test_every_argument_takes_or_refuses_whatever_it_is_given(service: Service) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        return await service.client.post("/graphql", content=body, headers=headers(service.token(caller, SOMEBODY)))

    target = Target(
        sdl("concessions"),
        callers=dict.fromkeys(WORKERS, "workers"),
        entities={"Venue": {"__typename": "Venue", "id": global_id.encode("Venue", VENUE)}},
    )
    assert await attack(target, send) > 1_000
