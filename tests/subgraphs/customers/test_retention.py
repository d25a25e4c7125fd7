"""What has run out goes, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from subgraphs.chassis.database import Database
from subgraphs.chassis.retention import sweep_all
from subgraphs.customers.retention import RULES
from tests.subgraphs.customers.conftest import Service, codes, key_of

Execute = Callable[..., Awaitable[int]]
Count = Callable[[str], Awaitable[int]]


async def test_tokens_go_when_they_have_run_out_and_sessions_after_them(
    service: Service, db: Database, execute: Execute, count: Count
) -> None:
    gone = await service.sign_up(email="ana@example.com")
    ended = await service.sign_up(email="bia@example.com")
    lives = await service.sign_up(email="caio@example.com")
    await service.refresh(lives["refreshToken"])
    past = "UPDATE sessions SET expires_at = now() - CAST(:age AS interval) WHERE customer_id = :customer"
    await execute(past, age=timedelta(days=31), customer=key_of(gone))
    await execute(past, age=timedelta(days=29), customer=key_of(ended))
    await execute(
        "UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE session_id IN"
        " (SELECT id FROM sessions WHERE customer_id = :customer)",
        customer=key_of(ended),
    )
    await sweep_all(db, RULES, asyncio.Event())
    # Of the session that lives, also the token that was used: shown again, it ends the session.
    assert (await count("sessions"), await count("refresh_tokens")) == (2, 2)
    assert codes(await service.refresh(gone["refreshToken"])) == [("INVALID_CREDENTIALS", None)]
    assert await count("customers") == 3


@pytest.mark.parametrize(("age", "left"), [("14 minutes", 3), ("15 minutes 1 second", 0)])
async def test_attempts_go_when_their_window_is_over(
    service: Service, db: Database, execute: Execute, count: Count, age: str, left: int
) -> None:
    for number in range(3):
        await service.sign_in(f"nobody-{number}@example.com", "a guess")
    await execute(f"UPDATE sign_in_attempts SET window_started_at = window_started_at - interval '{age}'")
    await sweep_all(db, RULES, asyncio.Event())
    assert await count("sign_in_attempts") == left
