"""Many anonymous sign-ins at once: few are hashed, the rest is told when to come back, and nobody else notices."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from subgraphs.chassis.app import Running
from subgraphs.chassis.database import Database
from subgraphs.customers.app import create_app
from subgraphs.customers.passwords import AT_ONCE_PER_CLIENT, Passwords
from subgraphs.customers.settings import Settings
from tests.subgraphs.customers.conftest import PASSWORD, Service, codes, key_of

Execute = Callable[..., Awaitable[int]]
Count = Callable[[str], Awaitable[int]]


class GatedHasher(PasswordHasher):
    """argon2 that waits at a gate, so that a test decides when hashing goes on; `entered` counts what has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.entered = 0

    def verify(self, *args: Any, **kwargs: Any) -> Any:
        self.entered += 1
        assert self.gate.wait(60)
        return super().verify(*args, **kwargs)


@dataclass
class Flooded:
    service: Service
    app: FastAPI
    hasher: GatedHasher
    passwords: Passwords

    @property
    def running(self) -> Running:
        running: Running = self.app.state.running
        return running

    async def full(self) -> None:
        """Until every place is taken by somebody."""
        async with asyncio.timeout(60):
            while self.passwords.places_taken < self.passwords.places or not self.hasher.entered:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def idle(self) -> None:
        async with asyncio.timeout(60):
            while self.passwords.places_taken or self.running.database.places_taken():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def flooded(db: Database, keys: dict[str, Ed25519PrivateKey], settings: dict[str, Any]) -> AsyncIterator[Flooded]:
    app = create_app(Settings(**settings))
    hasher = GatedHasher()
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://customers") as client,
    ):
        passwords = Passwords(hasher)
        app.state.running.resources = replace(app.state.running.resources, passwords=passwords)
        yield Flooded(Service(client, keys), app, hasher, passwords)
        hasher.gate.set()
        passwords.close()


def client(number: int) -> str:
    return f"198.51.{number // 250}.{number % 250 + 1}"


async def test_of_two_hundred_sign_ins_few_are_hashed_and_nobody_else_waits(flooded: Flooded) -> None:
    service = flooded.service
    ana = await service.sign_up(email="ana@example.com")
    flood = [
        asyncio.create_task(service.sign_in(f"nobody-{number}@example.com", "a guess", client=client(number)))
        for number in range(200)
    ]
    await flooded.full()
    # Whoever waits for a thread holds no connection meanwhile.
    async with asyncio.timeout(60):
        while flooded.running.database.places_taken():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    # All of this is answered while not one of the two hundred has got past its hash.
    for _ in range(5):
        me = await service("{ me { email consents { purpose } } }", customer=key_of(ana))
        assert me["data"]["me"]["email"] == "ana@example.com"
        ana |= await service.refresh(ana["refreshToken"])
        assert (await service.client.get("/.well-known/jwks.json")).status_code == 200
    admitted = [task for task in flood if not task.done()]
    assert len(admitted) == flooded.passwords.places
    refused = [task.result() for task in flood if task.done()]
    assert {code for payload in refused for code, _ in codes(payload)} == {"TOO_MANY_ATTEMPTS"}
    assert all(payload["errors"][0]["retryAfterMs"] > 0 for payload in refused)

    flooded.hasher.gate.set()
    answers = await asyncio.gather(*admitted)
    assert {code for payload in answers for code, _ in codes(payload)} == {"INVALID_CREDENTIALS"}
    await flooded.idle()
    assert codes(await service.sign_in("ana@example.com", client=client(1))) == []


async def test_a_refused_attempt_costs_no_statement_and_counts_against_nobody(flooded: Flooded, count: Count) -> None:
    flood = [
        asyncio.create_task(flooded.service.sign_in(f"nobody-{number}@example.com", "a guess", client=client(number)))
        for number in range(flooded.passwords.places)
    ]
    await flooded.full()
    for _ in range(20):
        refused = await flooded.service.sign_in("ana@example.com", "a guess", client=client(900))
        assert codes(refused) == [("TOO_MANY_ATTEMPTS", None)]
    # One row for each account and each client that was let in.
    async with asyncio.timeout(60):
        while await count("sign_in_attempts") < 2 * flooded.passwords.places:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert await count("sign_in_attempts") == 2 * flooded.passwords.places
    flooded.hasher.gate.set()
    await asyncio.gather(*flood)


# A client behind one address takes a share of the places, also with as many IPv6 addresses as its line has.
@pytest.mark.parametrize("spelled", ["203.0.113.7", "::ffff:203.0.113.{0}", "2001:db8:1:2::{0:x}"])
async def test_one_client_takes_a_few_places_only(flooded: Flooded, spelled: str) -> None:
    address = spelled if "ffff" not in spelled else "::ffff:203.0.113.7"
    flood = [
        asyncio.create_task(
            flooded.service.sign_in(f"nobody-{number}@example.com", "a guess", client=address.format(number))
        )
        for number in range(10)
    ]
    async with asyncio.timeout(60):
        while sum(task.done() for task in flood) < 10 - AT_ONCE_PER_CLIENT:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    others = asyncio.create_task(flooded.service.sign_in("bia@example.com", "a guess", client="198.51.100.9"))
    await asyncio.sleep(0.05)
    assert not others.done()
    flooded.hasher.gate.set()
    answers = await asyncio.gather(*flood, others)
    found = [code for payload in answers for code, _ in codes(payload)]
    assert found.count("INVALID_CREDENTIALS") == AT_ONCE_PER_CLIENT + 1
    assert found.count("TOO_MANY_ATTEMPTS") == 10 - AT_ONCE_PER_CLIENT


# Only the gateway knows who asks: an address that somebody else names would let its namer choose whom to lock out.
async def test_only_the_gateways_word_for_an_address_counts(flooded: Flooded) -> None:
    flood = [
        asyncio.create_task(
            flooded.service.sign_in(f"nobody-{n}@example.com", "a guess", client="203.0.113.7", caller="workers")
        )
        for n in range(AT_ONCE_PER_CLIENT + 2)
    ]
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in flood)
    flooded.hasher.gate.set()
    await asyncio.gather(*flood)


# A deadline that passes, or a client who leaves: what waits is never hashed, what runs gives its place back after it.
async def test_nobody_is_hashed_for_who_has_gone(flooded: Flooded) -> None:
    for turn in range(10):
        begun = flooded.hasher.entered
        flood = [
            asyncio.create_task(
                flooded.service.sign_in(
                    f"nobody-{turn}-{number}@example.com", "a guess", client=client(20 * turn + number)
                )
            )
            for number in range(flooded.passwords.places)
        ]
        async with asyncio.timeout(60):
            while flooded.passwords.places_taken < flooded.passwords.places or flooded.hasher.entered == begun:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        async with asyncio.timeout(60):
            while flooded.passwords.places_taken > flooded.passwords.threads:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert flooded.hasher.entered == begun + flooded.passwords.threads
        flooded.hasher.gate.set()
        await flooded.idle()
        flooded.hasher.gate.clear()
    assert flooded.hasher.entered == 10 * flooded.passwords.threads


async def test_an_account_that_is_locked_says_for_how_long(service: Service, execute: Execute) -> None:
    for _ in range(5):
        await service.sign_in("ana@example.com", "a guess")
    refused = await service.sign_in("ana@example.com", language="en")
    assert refused["errors"][0]["message"] == "Too many attempts. Wait a little."
    assert 14 * 60_000 < refused["errors"][0]["retryAfterMs"] <= 15 * 60_000
    await execute("UPDATE sign_in_attempts SET window_started_at = window_started_at - interval '14 minutes'")
    assert 0 < (await service.sign_in("ana@example.com"))["errors"][0]["retryAfterMs"] <= 60_000


async def failures(service: Service, address: str, tries: int) -> None:
    for number in range(tries):
        answer = await service.sign_in(f"nobody-{number}@example.com", "a guess", client=address)
        assert codes(answer) == [("INVALID_CREDENTIALS", None)]


# Trying one password on many accounts from one place; a success of one's own does not buy further guesses.
async def test_a_client_may_fail_a_hundred_times_on_whichever_accounts(service: Service, execute: Execute) -> None:
    await service.sign_up(email="ana@example.com")
    await failures(service, "2001:db8::1", 3)
    await execute("UPDATE sign_in_attempts SET failures = failures + 96 WHERE failures = 3")
    assert codes(await service.sign_in("ana@example.com", client="2001:db8::2")) == []
    await failures(service, "2001:db8::3", 1)
    refused = await service.sign_in("ana@example.com", client="2001:db8::4")
    assert codes(refused) == [("TOO_MANY_ATTEMPTS", None)]
    assert refused["errors"][0]["retryAfterMs"] > 0
    assert codes(await service.sign_in("ana@example.com", client="2001:db8:0:1::4")) == []


async def test_registering_counts_against_a_client_when_it_is_refused(service: Service, execute: Execute) -> None:
    address = "203.0.113.7"
    assert codes(await service.sign_up(email="ana@example.com", client=address)) == []
    assert codes(await service.sign_up(email="ana@example.com", client=address)) == [("EMAIL_TAKEN", "email")]
    assert await execute("UPDATE sign_in_attempts SET failures = 100 WHERE failures = 1") == 1
    assert codes(await service.sign_up(email="bia@example.com", client=address)) == [("TOO_MANY_ATTEMPTS", None)]
    assert codes(await service.sign_up(email="bia@example.com", client="203.0.113.8")) == []
    assert codes(await service.sign_in("bia@example.com", PASSWORD, client="203.0.113.8")) == []


@pytest.mark.parametrize("address", ["", "somewhere", "300.1.1.1", "1.2.3.4, 5.6.7.8", "x" * 10_000])
async def test_what_is_no_address_is_nobodys(service: Service, count: Count, address: str) -> None:
    await service.sign_in("ana@example.com", "a guess", client=address)
    assert await count("sign_in_attempts") == 1


# The queue is bounded for each client, not for each document: many in one would keep a place for as long as they take.
async def test_a_document_signs_in_a_few_times_at_most(service: Service, count: Count) -> None:
    def document(times: int) -> str:
        fields = (
            f'a{n}: signIn(input: {{ email: "n{n}@example.com", password: "x" }}) {{ expiresIn }}' for n in range(times)
        )
        return "mutation { " + " ".join(fields) + " }"

    answer = await service(document(5))
    assert answer["errors"][0]["extensions"]["code"] == "DOCUMENT_TOO_LARGE"
    assert await count("sign_in_attempts") == 0
    assert "errors" not in await service(document(4))


# Rows are locked in one order: a flood of the same few accounts from the same few places must not deadlock.
async def test_the_same_accounts_and_clients_at_once(service: Service) -> None:
    await service.sign_up(email="ana@example.com")
    for _ in range(2):
        answers = await asyncio.gather(
            *(
                service.sign_in("ana@example.com" if n % 2 else f"nobody-{n}@example.com", client=client(n % 3))
                for n in range(9)
            )
        )
        assert {code for one in answers for code, _ in codes(one)} <= {"INVALID_CREDENTIALS", "TOO_MANY_ATTEMPTS"}
