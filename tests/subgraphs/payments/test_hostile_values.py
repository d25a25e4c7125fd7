"""No value of any argument is told as the service's fault."""

import time

import httpx
import jwt

from subgraphs.chassis.sdl import sdl
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack, headers
from tests.subgraphs.payments.conftest import World

GATEWAY = ("createPayment",)


async def test_every_argument_takes_or_refuses_whatever_it_is_given(world: World) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        now = int(time.time())
        claims = {"iss": caller, "aud": "payments", "iat": now, "exp": now + 60, "sub": str(SOMEBODY)}
        token = jwt.encode(claims, world.keys[caller], algorithm="EdDSA", headers={"kid": caller})
        return await world.payments.post("/graphql", content=body, headers=headers(token))

    # One payment for all: the same key with another input is refused, and the bank is asked once.
    known = {"idempotencyKey": "of the test", "expiresAt": "2020-01-01T00:00:00Z"}
    callers = {name: "workers" for name in _internal(sdl("payments")) if name not in GATEWAY}
    assert await attack(Target(sdl("payments"), callers=callers, known=known), send) > 500


def _internal(text: str) -> list[str]:
    """The root fields that the SDL keeps to ourselves."""
    return [line.strip().partition("(")[0] for line in text.splitlines() if "(" in line and "@inaccessible" in line]
