"""Signing in: the access token, guesses, and what an unknown address may not learn."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import jwt
import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters

from subgraphs.chassis.database import Database
from subgraphs.customers.passwords import Passwords
from tests.subgraphs.customers.conftest import ISSUER, Service, codes, key_of

Execute = Callable[..., Awaitable[int]]
Count = Callable[[str], Awaitable[int]]


# What the gateway does: the key comes from the published set, which needs no service token.
async def test_an_access_token_verifies_with_the_published_key(service: Service) -> None:
    payload = await service.sign_up()
    response = await service.client.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert "max-age" in response.headers["cache-control"]
    (key,) = response.json()["keys"]
    assert {name: key[name] for name in ("kty", "crv", "alg", "use")} == {
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
    }  # fmt: skip
    assert "d" not in key

    header = jwt.get_unverified_header(payload["accessToken"])
    assert (header["alg"], header["kid"]) == ("EdDSA", key["kid"])
    claims = jwt.decode(
        payload["accessToken"], jwt.PyJWK(key), algorithms=["EdDSA"], audience="bilhetagem", issuer=ISSUER
    )
    assert claims["sub"] == str(key_of(payload))
    assert claims["scope"] == "customer"
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert abs(claims["iat"] - time.time()) < 60


@pytest.mark.parametrize("written", ["ana@example.com", "ANA@EXAMPLE.COM", "  Ana@example.com "])
async def test_the_address_may_be_written_in_any_case(service: Service, written: str) -> None:
    registered = await service.sign_up(email="Ana@example.com", name="Ana")
    payload = await service.sign_in(written)
    assert payload["errors"] == []
    assert payload["customer"] == registered["customer"]
    assert payload["refreshToken"] != registered["refreshToken"]


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(service: Service) -> None:
    await service.sign_up(email="ana@example.com")
    wrong = await service.sign_in("ana@example.com", "not the password")
    unknown = await service.sign_in("nobody@example.com", "not the password")
    assert wrong == unknown
    assert codes(wrong) == [("INVALID_CREDENTIALS", None)]
    assert (wrong["accessToken"], wrong["refreshToken"], wrong["customer"]) == (None, None, None)


# Nearly all of the time is spent on hashing: both are compared with one hash, made with the same parameters.
async def test_an_unknown_address_takes_as_much_work_as_a_known_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Parameters] = []
    verify = PasswordHasher.verify

    def note(hasher: PasswordHasher, stored: str, password: str) -> bool:
        compared.append(extract_parameters(stored))
        return verify(hasher, stored, password)

    await service.sign_up(email="ana@example.com")
    monkeypatch.setattr(PasswordHasher, "verify", note)
    await service.sign_in("ana@example.com", "not the password")
    (known,) = compared
    await service.sign_in("nobody@example.com", "not the password")
    assert compared == [known, known]


@pytest.mark.parametrize("email", ["", "x", "a\x00@example.com", "a\ud800@example.com", "a" * 100_000])
async def test_what_is_no_address_is_refused_like_any_other(service: Service, count: Count, email: str) -> None:
    assert codes(await service.sign_in(email)) == [("INVALID_CREDENTIALS", None)]
    assert await count("sign_in_attempts") == 0


@pytest.mark.parametrize("password", ["", "\x00", "\ud800", "x" * 100_000])
async def test_no_password_is_a_fault(service: Service, password: str) -> None:
    await service.sign_up(email="ana@example.com")
    assert codes(await service.sign_in("ana@example.com", password)) == [("INVALID_CREDENTIALS", None)]


@pytest.mark.parametrize("registered", [True, False])
async def test_after_five_failures_even_the_right_password_is_refused_for_a_while(
    service: Service, execute: Execute, registered: bool
) -> None:
    if registered:
        await service.sign_up(email="ana@example.com")
    for _ in range(5):
        assert codes(await service.sign_in("Ana@example.com", "a guess")) == [("INVALID_CREDENTIALS", None)]
    assert codes(await service.sign_in("ana@example.com")) == [("TOO_MANY_ATTEMPTS", None)]

    await execute("UPDATE sign_in_attempts SET window_started_at = window_started_at - interval '14 minutes'")
    assert codes(await service.sign_in("ana@example.com")) == [("TOO_MANY_ATTEMPTS", None)]
    await execute("UPDATE sign_in_attempts SET window_started_at = window_started_at - interval '1 minute'")
    assert codes(await service.sign_in("ana@example.com")) == ([] if registered else [("INVALID_CREDENTIALS", None)])


async def test_somebody_elses_failures_lock_nobody_out(service: Service) -> None:
    await service.sign_up(email="bia@example.com")
    for _ in range(6):
        await service.sign_in("ana@example.com", "a guess")
    assert codes(await service.sign_in("bia@example.com")) == []


async def test_a_success_forgets_the_failures_before_it(service: Service, count: Count) -> None:
    await service.sign_up(email="ana@example.com")
    for _ in range(2):
        for _ in range(4):
            await service.sign_in("ana@example.com", "a guess")
        assert codes(await service.sign_in("ana@example.com")) == []
    assert await count("sign_in_attempts") == 0


async def test_guesses_made_at_once_cannot_slip_past_the_limit(service: Service) -> None:
    for _ in range(3):
        await service.sign_in("ana@example.com", "a guess")
    # As many as are let in at once, and some more.
    payloads = await asyncio.gather(*(service.sign_in("ana@example.com", f"guess {n}") for n in range(12)))
    refusals = [code for payload in payloads for code, _ in codes(payload)]
    assert refusals.count("INVALID_CREDENTIALS") == 2
    assert refusals.count("TOO_MANY_ATTEMPTS") == 10


async def test_a_hash_of_weaker_parameters_is_made_anew_at_sign_in(
    service: Service, execute: Execute, db: Database
) -> None:
    await service.sign_up(email="ana@example.com")
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("an older password")
    await execute("UPDATE customers SET password_hash = :hash", hash=weak)
    assert codes(await service.sign_in("ana@example.com", "an older password")) == []
    async with db.connect() as connection:
        stored = (await connection.exec_driver_sql("SELECT password_hash FROM customers")).scalar_one()
    assert stored != weak
    assert not Passwords().is_outdated(stored)
    assert codes(await service.sign_in("ana@example.com", "an older password")) == []


async def test_a_broken_hash_matches_nothing() -> None:
    assert not await Passwords().verify("not a hash", "whatever")


# Sixty milliseconds of arithmetic would hold up everybody else.
async def test_other_requests_are_served_while_a_password_is_hashed() -> None:
    hashing = asyncio.create_task(Passwords().hash("a password"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
