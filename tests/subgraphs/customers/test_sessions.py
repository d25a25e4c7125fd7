"""Refresh tokens: each works once, and one that is shown again ends its session."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subgraphs.chassis.database import Database
from subgraphs.customers.domain.customer import Customer
from subgraphs.customers.repositories import customers
from subgraphs.customers.use_cases.refresh_session import refresh_session
from subgraphs.customers.use_cases.sign_out import sign_out
from subgraphs.customers.use_cases.start_session import SignedIn, start_session
from tests.subgraphs.customers.conftest import Service, codes, key_of

Execute = Callable[..., Awaitable[int]]
REFUSED = [("INVALID_CREDENTIALS", None)]


async def test_a_refresh_token_is_exchanged_for_the_next_one(service: Service) -> None:
    first = await service.sign_up()
    second = await service.refresh(first["refreshToken"])
    assert second["errors"] == []
    assert second["customer"] == first["customer"]
    assert second["accessToken"]
    assert second["refreshToken"] != first["refreshToken"]
    assert codes(await service.refresh(second["refreshToken"])) == []


# Whether the thief or the owner came second cannot be known: both have to sign in again.
async def test_a_token_shown_again_ends_its_session_and_no_other(service: Service) -> None:
    first = await service.sign_up(email="ana@example.com")
    elsewhere = await service.sign_in("ana@example.com")
    second = await service.refresh(first["refreshToken"])
    assert codes(await service.refresh(first["refreshToken"])) == REFUSED
    assert codes(await service.refresh(second["refreshToken"])) == REFUSED
    assert codes(await service.refresh(elsewhere["refreshToken"])) == []


@pytest.mark.parametrize(
    ("language", "message"),
    [("pt-BR", "Esta sessão terminou. Entre novamente."), ("en", "This session has ended. Sign in again.")],
)
async def test_a_refused_refresh_speaks_of_the_session(service: Service, language: str, message: str) -> None:
    """Nobody gave an e-mail or a password that could be wrong; a used and an unknown token are answered alike."""
    first = await service.sign_up()
    await service.refresh(first["refreshToken"])
    for token in (first["refreshToken"], "unknown"):
        refused = await service.refresh(token, language=language)
        assert codes(refused) == REFUSED
        assert [error["message"] for error in refused["errors"]] == [message]


async def test_of_two_that_show_a_token_at_once_one_gets_the_next_and_the_session_ends(service: Service) -> None:
    first = await service.sign_up()
    answers = await asyncio.gather(*(service.refresh(first["refreshToken"]) for _ in range(2)))
    won = [answer for answer in answers if not answer["errors"]]
    assert len(won) == 1
    assert codes(await service.refresh(won[0]["refreshToken"])) == REFUSED


@pytest.mark.parametrize("token", ["", "unknown", "\ud800", "\x00", "x" * 100_000])
async def test_an_unknown_token_is_refused(service: Service, token: str) -> None:
    answer = await service.refresh(token)
    assert codes(answer) == REFUSED
    assert (answer["accessToken"], answer["customer"]) == (None, None)
    assert (await service.sign_out(token)) == {"errors": []}


@pytest.mark.parametrize("table", ["refresh_tokens", "sessions"])
async def test_tokens_and_sessions_run_out(service: Service, execute: Execute, table: str) -> None:
    first = await service.sign_up()
    assert await execute(f"UPDATE {table} SET expires_at = now()") == 1
    assert codes(await service.refresh(first["refreshToken"])) == REFUSED


async def test_refreshing_does_not_outlive_the_session(service: Service, db: Database) -> None:
    await service.refresh((await service.sign_up())["refreshToken"])
    async with db.connect() as connection:
        found = await connection.exec_driver_sql("SELECT expires_at - created_at FROM sessions")
        assert found.scalar_one().days == 90


async def test_signing_out_ends_the_session_also_with_a_used_token(service: Service) -> None:
    first = await service.sign_up(email="ana@example.com")
    elsewhere = await service.sign_in("ana@example.com")
    second = await service.refresh(first["refreshToken"])
    assert await service.sign_out(first["refreshToken"]) == {"errors": []}
    assert codes(await service.refresh(second["refreshToken"])) == REFUSED
    assert await service.sign_out(first["refreshToken"]) == {"errors": []}
    assert codes(await service.refresh(elsewhere["refreshToken"])) == []


async def test_why_a_session_ended_is_kept(service: Service, db: Database) -> None:
    stolen, left = await service.sign_up(), await service.sign_up()
    await service.refresh(stolen["refreshToken"])
    await service.refresh(stolen["refreshToken"])
    await service.sign_out(stolen["refreshToken"])  # changes nothing any more
    await service.sign_out(left["refreshToken"])
    async with db.connect() as connection:
        found = await connection.exec_driver_sql("SELECT customer_id, end_reason FROM sessions")
        assert dict(map(tuple, found)) == {key_of(stolen): "TOKEN_REUSED", key_of(left): "SIGNED_OUT"}


@dataclass
class Family:
    """What a session has to be: alive with one token that works, or dead."""

    newest: str
    alive: bool = True


STEPS = st.lists(
    st.tuples(st.sampled_from(["sign_in", "refresh", "refresh", "refresh", "sign_out"]), st.integers(0, 50)),
    max_size=15,
)


# Any order of signing in, refreshing with any token that ever was, and signing out.
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_only_the_newest_token_of_a_living_session_ever_works(
    service: Service, db: Database, steps: list[tuple[str, int]]
) -> None:
    now = datetime.now(UTC)
    customer = await _some_customer(service, db)
    issued: list[tuple[str, Family]] = []
    for step, number in [("sign_in", 0), *steps]:
        async with db.transaction() as connection:
            if step == "sign_in":
                token = (await start_session(connection, customer, now)).refresh_token
                issued.append((token, Family(token)))
                continue
            token, family = issued[number % len(issued)]
            if step == "sign_out":
                await sign_out(connection, token, now)
                family.alive = False
                continue
            outcome = await refresh_session(connection, token, now)
        works = family.alive and token == family.newest
        assert isinstance(outcome, SignedIn) is works
        if isinstance(outcome, SignedIn):
            family.newest = outcome.refresh_token
            issued.append((outcome.refresh_token, family))
        else:
            family.alive = False


async def _some_customer(service: Service, db: Database) -> Customer:
    key = key_of(await service.sign_up(email=f"{uuid4()}@example.com"))
    async with db.connect() as connection:
        found = await customers.find_customer(connection, key)
    assert found is not None
    return found
