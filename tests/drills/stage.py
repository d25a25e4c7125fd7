"""What a drill plays on: customers of its own, and an event with sectors whose size it knows.

Events are staged with SQL, as the demo's are: there is no other way to make one yet.
"""

import asyncio
import secrets
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from subgraphs.customers.domain.cpf import complete_cpf
from tests.drills.buyers import Buyer, Gateway, global_id
from tests.drills.platform_under_drill import DrilledPlatform

_SIGN_UP = """mutation($i: SignUpInput!) { signUp(input: $i) {
  accessToken customer { id } errors { code message field } } }"""
_PASSWORD = "a long password for a drill"
# Hashing a password is made to be slow, and turns those away who come too many at once.
_SIGN_UPS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Sector:
    """Raw ids; `session` and `sector` are the global ones, as clients name them."""

    session_id: UUID
    sector_id: UUID
    capacity: int

    @property
    def session(self) -> str:
        return global_id("Session", self.session_id)

    @property
    def sector(self) -> str:
        return global_id("Sector", self.sector_id)


async def stage_sectors(platform: DrilledPlatform, *capacities: int, price_minor: int = 5_000) -> list[Sector]:
    """A session tomorrow with one sector of places for each capacity, at the demo's first venue."""
    event_id, session_id = uuid4(), uuid4()
    sectors = [Sector(session_id, uuid4(), capacity) for capacity in capacities]
    database = await asyncpg.connect(platform.database_url("ticketing"))
    try:
        async with database.transaction():
            venue_id = await database.fetchval("SELECT id FROM venues ORDER BY id LIMIT 1")
            organiser_id = await database.fetchval("SELECT id FROM organisers ORDER BY id LIMIT 1")
            await database.execute(
                "INSERT INTO events (id, organiser_id, name, kind, age_rating, ticket_limit)"
                " VALUES ($1, $2, $3, 'CONCERT', 'L', 10000)",
                event_id,
                organiser_id,
                "Ensaio geral",
            )
            await database.execute(
                "INSERT INTO sessions (id, event_id, venue_id, starts_at, status, hold_minutes, numbered_seats)"
                " VALUES ($1, $2, $3, now() + interval '1 day', 'ON_SALE', 10, false)",
                session_id,
                event_id,
                venue_id,
            )
            for position, sector in enumerate(sectors):
                await database.execute(
                    "INSERT INTO sectors (id, session_id, position, name, numbered, capacity, price_minor,"
                    " service_fee_minor) VALUES ($1, $2, $3, $4, false, $5, $6, 0)",
                    sector.sector_id,
                    session_id,
                    position,
                    f"Setor {position + 1}",
                    sector.capacity,
                    price_minor,
                )
                await database.execute(
                    "INSERT INTO units (id, sector_id, position, label, kind)"
                    " SELECT gen_random_uuid(), $1, place, 'Lugar ' || place, 'PLACE'"
                    " FROM generate_series(1, $2) place",
                    sector.sector_id,
                    sector.capacity,
                )
    finally:
        await database.close()
    return sectors


async def sign_up(gateway: Gateway, number: int) -> list[Buyer]:
    """That many new customers, signed in."""
    places = asyncio.Semaphore(_SIGN_UPS_AT_ONCE)

    async def one() -> Buyer:
        given = {
            "name": "Ensaísta",
            "email": f"drill-{uuid4().hex}@example.com",
            "password": _PASSWORD,
            "birthDate": "1990-05-17",
            "cpf": complete_cpf(f"{secrets.randbelow(10**9):09}"),
        }
        async with places:
            while True:
                payload = (await gateway.data(_SIGN_UP, {"i": given}))["signUp"]
                if not payload["errors"]:
                    return Buyer(gateway, payload["accessToken"])
                if payload["errors"][0]["code"] != "TOO_MANY_ATTEMPTS":
                    raise AssertionError(f"nobody could sign up: {payload['errors']}")
                await asyncio.sleep(0.3)

    return list(await asyncio.gather(*(one() for _ in range(number))))
