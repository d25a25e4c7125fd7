"""No value of any argument is told as the service's fault."""

import time
from collections.abc import Callable

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from subgraphs.chassis.sdl import sdl
from subgraphs.payments.app import create_app
from subgraphs.payments.settings import Settings
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack, headers

WORKERS = ("refundPayment", "reconcilePayments", "cancelPayments", "expirePayment")


async def test_every_argument_takes_or_refuses_whatever_it_is_given(
    make_settings: Callable[[str], Settings], keys: dict[str, Ed25519PrivateKey], db: object
) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        now = int(time.time())
        claims = {"iss": caller, "aud": "payments", "iat": now, "exp": now + 60, "sub": str(SOMEBODY)}
        token = jwt.encode(claims, keys[caller], algorithm="EdDSA", headers={"kid": caller})
        return await client.post("/graphql", content=body, headers=headers(token))

    # The bank is not asked: a charge that should have ended before it begins is refused first.
    known = {"expiresAt": "2020-01-01T00:00:00Z"}
    app = create_app(make_settings("http://127.0.0.1:9"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://payments") as client,
    ):
        target = Target(sdl("payments"), callers=dict.fromkeys(WORKERS, "workers"), known=known)
        assert await attack(target, send) > 500
