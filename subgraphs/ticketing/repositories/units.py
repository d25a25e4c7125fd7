"""Units, for looking at them; `stock` is what changes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from subgraphs.chassis.database import is_one_of
from subgraphs.ticketing.domain.catalogue import Unit, UnitKind, UnitState
from subgraphs.ticketing.tables import reservation_units, units

_OVER = sa.and_(is_one_of(units.c.state, [UnitState.HELD]), units.c.held_until <= sa.func.clock_timestamp())
_COLUMNS = (
    units.c.id,
    units.c.sector_id,
    units.c.position,
    units.c.label,
    units.c.kind,
    sa.case((_OVER, UnitState.FREE.value), else_=units.c.state).label("state"),
)


def _unit(row: sa.RowMapping) -> Unit:
    values = {column.name: row[column.name] for column in _COLUMNS}
    return Unit(**{**values, "kind": UnitKind(row["kind"]), "state": UnitState(row["state"])})


async def units_by_id(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Unit]:
    rows = await connection.execute(sa.select(*_COLUMNS).where(units.c.id.in_(set(ids))))
    return {row["id"]: _unit(row) for row in rows.mappings()}


async def pages_of_sectors(
    connection: AsyncConnection, sector_ids: Sequence[UUID], *, limit: int, after: int = -1
) -> dict[UUID, list[Unit]]:
    """Up to ``limit`` units of each sector, by position, after the position of the last one seen."""
    wanted = sa.func.unnest(sa.cast(list(sector_ids), ARRAY(PG_UUID(as_uuid=True)))).table_valued("id")
    asked = wanted.render_derived(name="asked")
    page = (
        sa.select(*_COLUMNS)
        .where(units.c.sector_id == asked.c.id, units.c.position > after)
        .order_by(units.c.position)
        .limit(limit)
        .lateral("page")
    )
    statement = sa.select(page).select_from(asked.join(page, sa.true())).order_by(page.c.sector_id, page.c.position)
    found: dict[UUID, list[Unit]] = {sector_id: [] for sector_id in sector_ids}
    for row in (await connection.execute(statement)).mappings():
        found[row["sector_id"]].append(_unit(row))
    return found


async def units_of_reservations(connection: AsyncConnection, reservation_ids: Iterable[UUID]) -> dict[UUID, list[Unit]]:
    """The units that each reservation got, whether or not it still has them, by position."""
    wanted = set(reservation_ids)
    statement = (
        sa.select(*_COLUMNS, reservation_units.c.reservation_id.label("of"))
        .join(reservation_units, reservation_units.c.unit_id == units.c.id)
        .where(reservation_units.c.reservation_id.in_(wanted))
        .order_by(reservation_units.c.reservation_id, units.c.position)
    )
    found: dict[UUID, list[Unit]] = {reservation_id: [] for reservation_id in wanted}
    for row in (await connection.execute(statement)).mappings():
        found[row["of"]].append(_unit(row))
    return found
