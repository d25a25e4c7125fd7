"""No value of any argument is told as the service's fault."""

import httpx

from subgraphs.chassis.sdl import sdl
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack
from tests.subgraphs.suggestions.conftest import Service


async def test_every_argument_takes_or_refuses_whatever_it_is_given(service: Service) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        told = {**service.tokens.headers(SOMEBODY, caller=caller), "Content-Type": "application/json"}
        return await service.client.post("/graphql", content=body, headers=told)

    assert await attack(Target(sdl("suggestions")), send) > 500
