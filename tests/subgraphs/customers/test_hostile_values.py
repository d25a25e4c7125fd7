"""No value of any argument is told as the service's fault."""

import httpx

from subgraphs.chassis.sdl import sdl
from tests.subgraphs.customers.conftest import Service
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack, headers


async def test_every_argument_takes_or_refuses_whatever_it_is_given(service: Service) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        return await service.client.post("/graphql", content=body, headers=headers(service.token(caller, SOMEBODY)))

    # Without a valid CPF nobody is registered and no password is hashed: that is what takes time.
    assert await attack(Target(sdl("customers")), send) > 1_000
