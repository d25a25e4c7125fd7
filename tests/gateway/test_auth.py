"""Whose token counts, and how seldom the issuer is asked for its keys."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway import auth
from gateway.auth import (
    ANONYMOUS,
    AuthenticationRefused,
    Buyer,
    BuyerTokens,
    JwksKeys,
    KeysUnavailable,
    ServiceTokens,
)
from tests.gateway.conftest import ISSUER, JWKS_URL, Issuer


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def published(issuer: Issuer, respx_mock: respx.MockRouter) -> respx.Route:
    return respx_mock.get(JWKS_URL).respond(json=issuer.jwks())


@pytest.fixture
async def keys(clock: Clock) -> AsyncIterator[JwksKeys]:
    async with httpx.AsyncClient() as http:
        yield JwksKeys(JWKS_URL, http, clock)


@pytest.fixture
def tokens(keys: JwksKeys) -> BuyerTokens:
    return BuyerTokens(keys, ISSUER, "bilhetagem")


async def test_a_good_token_tells_the_buyer(tokens: BuyerTokens, issuer: Issuer, published: respx.Route) -> None:
    me = uuid4()
    token = issuer.token(me, scope="customer gate administrator")
    for scheme in ("Bearer", "bearer"):
        known = await tokens.authenticate(f"{scheme} {token}")
        assert known.buyer == Buyer(me, frozenset({"customer", "gate"}))
    assert published.call_count == 1


@pytest.mark.parametrize("value", [None, "", "  "])
async def test_without_a_token_nobody_in_particular_asks(tokens: BuyerTokens, value: str | None) -> None:
    assert await tokens.authenticate(value) is ANONYMOUS


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer  ", "Bearer a.b.c", "Bearer " + "x" * 5_000, "x"])
async def test_what_is_no_token_is_refused_before_anybody_is_asked(tokens: BuyerTokens, value: str) -> None:
    with pytest.raises(AuthenticationRefused):
        await tokens.authenticate(value)


HOUR_AGO = int(time.time()) - 3_600
FORGED = {
    "expired": lambda issuer: issuer.token(exp=HOUR_AGO),
    "of another issuer": lambda issuer: issuer.token(iss="http://elsewhere.test"),
    "for another audience": lambda issuer: issuer.token(aud="payments"),
    "for many, ours not among them": lambda issuer: issuer.token(aud=["payments", "ticketing"]),
    "signed by another key": lambda issuer: issuer.token(key=Ed25519PrivateKey.generate()),
    "of an unknown key": lambda issuer: issuer.token(header={"kid": "elsewhere"}),
    "of a nameless key": lambda issuer: issuer.token(header={"kid": ""}),
    "not signed": lambda issuer: jwt.encode({"sub": str(uuid4())}, None, algorithm="none", headers={"kid": "now"}),
    "signed with the public key as a secret": lambda issuer: issuer.token(
        key=issuer.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), algorithm="HS256"
    ),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + 600),
    "without an end": lambda issuer: issuer.token(without="exp"),
    "without a subject": lambda issuer: issuer.token(without="sub"),
    "without an audience": lambda issuer: issuer.token(without="aud"),
    "of nobody": lambda issuer: issuer.token(sub="admin"),
    "altered": lambda issuer: issuer.token()[:-6] + "AAAAAA",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_token_that_is_wrong_in_one_thing_is_refused(
    tokens: BuyerTokens, issuer: Issuer, name: str, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get(JWKS_URL).respond(json=issuer.jwks())
    await tokens.authenticate(f"Bearer {issuer.token()}")
    with pytest.raises(AuthenticationRefused) as refused:
        await tokens.authenticate(f"Bearer {FORGED[name](issuer)}")
    assert not isinstance(refused.value, KeysUnavailable)


async def test_a_remembered_token_still_ends(tokens: BuyerTokens, issuer: Issuer, published: respx.Route) -> None:
    token = f"Bearer {issuer.token(exp=int(time.time()) - 3)}"  # 2 s of the leeway are left
    assert (await tokens.authenticate(token)).buyer is not None
    await asyncio.sleep(2.1)
    with pytest.raises(AuthenticationRefused, match="expired"):
        await tokens.authenticate(token)


async def test_new_keys_are_found_and_invented_ones_ask_seldom(
    keys: JwksKeys, clock: Clock, issuer: Issuer, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(JWKS_URL).respond(json=issuer.jwks())
    assert await keys.find("now") is not None
    for number in range(50):
        assert await keys.find(f"invented-{number}") is None
    assert route.call_count == 1
    issuer.kid = "next"
    route.respond(json=issuer.jwks())
    clock.now += 11
    assert await keys.find("next") is not None
    assert await keys.find("now") is None  # withdrawn
    assert route.call_count == 2


async def test_known_keys_are_used_on_while_the_issuer_is_away(
    keys: JwksKeys, clock: Clock, issuer: Issuer, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(JWKS_URL).respond(json=issuer.jwks())
    assert await keys.find("now") is not None
    route.mock(side_effect=httpx.ConnectError("away"))
    clock.now += 4_000
    assert await keys.find("now") is not None
    assert route.call_count == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"keys": [{"kty": "OKP", "kid": "now"}]}),
        httpx.Response(302, headers={"Location": "http://elsewhere.test/keys"}),
    ],
)
async def test_an_issuer_that_was_never_reached_is_asked_again_soon(
    keys: JwksKeys, clock: Clock, issuer: Issuer, answer: httpx.Response, respx_mock: respx.MockRouter
) -> None:
    route = respx_mock.get(JWKS_URL).mock(return_value=answer)
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await keys.find("now")
    assert route.call_count == 1
    clock.now += 2
    route.mock(return_value=httpx.Response(200, json=issuer.jwks()))
    assert await keys.find("now") is not None


def test_a_service_token_is_for_one_service_and_one_buyer_and_is_used_again(service_key: Ed25519PrivateKey) -> None:
    clock = Clock(float(int(time.time())))
    minted = ServiceTokens(service_key, clock)
    buyer = Buyer(UUID(int=7), frozenset({"operator", "customer"}))
    token = minted.token("ticketing", buyer)
    claims = jwt.decode(token, service_key.public_key(), algorithms=["EdDSA"], audience="ticketing", issuer="gateway")
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["sub"], claims["scope"]) == (str(UUID(int=7)), "customer operator")
    assert jwt.get_unverified_header(token)["kid"] == "gateway"
    nobody = jwt.decode(minted.token("ticketing", None), options={"verify_signature": False})
    assert "sub" not in nobody
    assert "scope" not in nobody
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(
            minted.token("payments", buyer), service_key.public_key(), algorithms=["EdDSA"], audience="ticketing"
        )
    clock.now += 44
    assert minted.token("ticketing", buyer) == token
    clock.now += 2
    assert minted.token("ticketing", buyer) != token


class CountingMint(OrderedDict[Any, Any]):
    """What is remembered, counting the entries that are looked at."""

    looked_at = 0

    def values(self) -> Any:
        for value in super().values():
            self.looked_at += 1
            yield value

    def items(self) -> Any:
        for item in super().items():
            self.looked_at += 1
            yield item


# 119 µs a token became 4,867 µs once 20,000 were alive: each minting looked at all of them.
def test_minting_looks_at_a_few_remembered_tokens_however_many_there_are(
    service_key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_TOKENS", 200)
    clock = Clock(float(int(time.time())))
    remembered = CountingMint()
    minted = ServiceTokens(service_key, clock, remembered)
    for number in range(500):
        minted.token("ticketing", Buyer(UUID(int=number)))
        assert len(remembered) <= 200
    assert remembered.looked_at <= 2 * 500
    newest = minted.token("ticketing", Buyer(UUID(int=499)))
    assert minted.token("ticketing", Buyer(UUID(int=499))) == newest

    # What has expired goes faster than new ones come, also long before there are too many.
    clock.now += 61
    for number in range(1_000, 1_150):
        minted.token("ticketing", Buyer(UUID(int=number)))
    assert len(remembered) == 150
    assert all(expires_at > clock.now for expires_at, _ in remembered.values())


def test_a_key_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="Ed25519"):
        ServiceTokens.from_pem(other.decode())
