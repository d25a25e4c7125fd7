"""No value of any argument is told as the service's fault."""

import httpx

from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.sdl import sdl
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack, headers
from tests.subgraphs.ticketing.conftest import EVENT, STAND, Service, service_token

WORKERS = ("allocateReservations", "confirmReservation", "expireReservation", "sweepExpiredHolds")


async def test_every_argument_takes_or_refuses_whatever_it_is_given(service: Service) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        token = service_token(service.keys, caller, SOMEBODY, "customer gate")
        return await service.client.post("/graphql", content=body, headers=headers(token))

    entities = {
        "Event": global_id.encode("Event", EVENT),
        "Sector": global_id.encode("Sector", STAND),
        "Customer": global_id.encode("Customer", SOMEBODY),
    }
    target = Target(
        sdl("ticketing"),
        callers=dict.fromkeys(WORKERS, "workers"),
        entities={name: {"__typename": name, "id": id_} for name, id_ in entities.items()},
    )
    assert await attack(target, send) > 1_000
