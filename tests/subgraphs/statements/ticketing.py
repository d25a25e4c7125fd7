"""Rows and arguments for the statements of ticketing: the demo programme with reservations in every state."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from subgraphs.chassis.demo import demo_id
from subgraphs.ticketing import demo, tables
from subgraphs.ticketing.domain.reservation import Reservation
from subgraphs.ticketing.domain.reservation_states import ReservationStatus
from subgraphs.ticketing.repositories import reservations
from subgraphs.ticketing.settings import Settings
from tests.subgraphs.statements.rehearsal import Rehearsed

SLUG: Final = "rehearsal"
CUSTOMER: Final = uuid4()
EVENT, SESSION, SECTOR = (demo_id(kind, SLUG) for kind in ("event", "session", "sector"))
RESERVATIONS: Final = {status: [uuid4() for _ in range(40)] for status in ReservationStatus}
HELD: Final = RESERVATIONS[ReservationStatus.HELD][0]
SOLD: Final = RESERVATIONS[ReservationStatus.CONFIRMED][0]
UNITS: Final = [uuid4() for _ in range(400)]
# With units: the first of those that hold some, and those that bought some.
_HOLDERS: Final = RESERVATIONS[ReservationStatus.HELD]
_BUYERS: Final = RESERVATIONS[ReservationStatus.CONFIRMED]


def _reservation(status: ReservationStatus, reservation_id: UUID, number: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": reservation_id,
        "customer_id": CUSTOMER,
        "idempotency_key": str(reservation_id),
        "session_id": SESSION,
        # Most are of other sectors, so that an index by sector is worth more than one by time.
        "sector_id": SECTOR if number < 4 else uuid4(),
        "event_id": EVENT,
        "quantity": 1,
        "status": status.value,
        # Half of the holds are over.
        "held_until": now + timedelta(minutes=number - 20),
        "payment_id": uuid4() if status is ReservationStatus.CONFIRMED else None,
        "confirmed_at": now if status is ReservationStatus.CONFIRMED else None,
        "sequence": 1,
        "requested_at": now,
    }


def _unit(place: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": UNITS[place],
        "sector_id": SECTOR,
        "position": place,
        "label": str(place),
        "kind": "PLACE",
        "state": "FREE",
        "reservation_id": None,
        "held_until": None,
    }
    if place < len(_HOLDERS):
        until = datetime.now(UTC) + timedelta(minutes=15)
        row |= {"state": "HELD", "reservation_id": _HOLDERS[place], "held_until": until}
    elif place < len(_HOLDERS) + len(_BUYERS):
        row |= {"state": "SOLD", "reservation_id": _BUYERS[place - len(_HOLDERS)]}
    return row


def _given(row: sa.RowMapping) -> dict[str, Any]:
    """Without what the database makes itself."""
    made = {column.name for table in tables.metadata.tables.values() for column in table.columns if column.computed}
    return {name: value for name, value in row.items() if name not in made}


async def _seed(engine: AsyncEngine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    await demo.seed(Settings.model_construct(database_url=url))
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        # A sector of our own at a session of the demo programme's kind.
        event = (await connection.execute(sa.select(tables.events).limit(1))).mappings().one()
        session = (await connection.execute(sa.select(tables.sessions).limit(1))).mappings().one()
        sector = (await connection.execute(sa.select(tables.sectors).limit(1))).mappings().one()
        await connection.execute(sa.insert(tables.events).values({**_given(event), "id": EVENT}))
        mine = {"id": SESSION, "event_id": EVENT}
        await connection.execute(sa.insert(tables.sessions).values({**_given(session), **mine}))
        mine = {"id": SECTOR, "session_id": SESSION, "numbered": False, "capacity": len(UNITS), "held": 40, "sold": 40}
        await connection.execute(sa.insert(tables.sectors).values({**sector, **mine}))
        rows = [
            _reservation(status, reservation_id, number)
            for status, ids in RESERVATIONS.items()
            for number, reservation_id in enumerate(ids)
        ]
        await connection.execute(sa.insert(tables.reservations), rows)
        await connection.execute(sa.insert(tables.units), [_unit(place) for place in range(len(UNITS))])
        await connection.execute(
            sa.insert(tables.tickets),
            [
                {
                    "id": uuid4(),
                    "reservation_id": reservation_id,
                    "customer_id": CUSTOMER,
                    "session_id": SESSION,
                    "unit_id": UNITS[len(_HOLDERS) + number],
                    "code": f"CODE-{number}",
                    "secret": b"s" * 16,
                    "status": "ISSUED",
                    "issued_at": now,
                }
                for number, reservation_id in enumerate(_BUYERS)
            ],
        )
        await connection.execute(sa.insert(tables.purchase_limits).values(customer_id=CUSTOMER, event_id=EVENT))


def _held() -> Reservation:
    row = _reservation(ReservationStatus.HELD, HELD, 0)
    prices = {"unit_price_minor": 1, "unit_fee_minor": 1, "currency": "BRL", "rejection": None}
    facts = {"created_at": datetime.now(UTC), "status": ReservationStatus.HELD}
    names = {column.name for column in reservations.COLUMNS}
    return Reservation(**{name: value for name, value in {**row, **prices, **facts}.items() if name in names})


REHEARSED: Final = Rehearsed(
    service="ticketing",
    seed=_seed,
    samples={
        "customer_id": CUSTOMER,
        "event_id": EVENT,
        "event_ids": [EVENT],
        "session_id": SESSION,
        "session_ids": [SESSION],
        "sector_id": SECTOR,
        "sector_ids": [SECTOR],
        "reservation_id": HELD,
        "reservation_ids": [HELD, SOLD],
        "reservation": _held,
        "unit_ids": [UNITS[-1], UNITS[-2]],
        "pairs": [(CUSTOMER, EVENT)],
        "sequences": {SECTOR: 5},
        "rejection": {"code": "SOLD_OUT"},
        "held": 1,
        "sold": 1,
        "quantity": 2,
        "currency": "BRL",
        "state": "HELD",
        "reason": "UNITS_TAKEN",
        "status": ReservationStatus.CANCELLED,
    },
    calls={
        "reservations.change": lambda connection: reservations.change(connection, HELD, status="CANCELLED"),
    },
    partial_indexes={
        "reservations.lock_due": "ix_reservations_holds",
        "reservations.sectors_with_due": "ix_reservations_due",
        "catalogue.sectors_by_id": "ix_reservations_holds",
        "catalogue.sectors_of_sessions": "ix_reservations_holds",
        "stock.hold_any": "ix_units_free",
        "stock.sell_held": "ix_units_reservation_id",
        "stock.free_units": "ix_units_reservation_id",
    },
)
