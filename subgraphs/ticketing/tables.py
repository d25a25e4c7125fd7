"""The tables of ticketing. Constraints say what no bug may break; see the package for the lock order."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from subgraphs.chassis import idempotency, outbox
from subgraphs.chassis.database import NAMING_CONVENTION

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)

_ID = UUID(as_uuid=True)
_TIME = sa.DateTime(timezone=True)


class QueueNumber(sa.types.TypeDecorator[int]):
    """The queue's own number of a request: it has up to 128 bits, and 39 digits."""

    impl = sa.Numeric(39, 0)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value)


def _one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


# What a reconciliation has not found in order yet. Literal, because statements repeat it and must match the index.
UNSETTLED = (
    "settled_status IS DISTINCT FROM status"
    " AND status IN ('HELD', 'AWAITING_PAYMENT', 'CONFIRMED', 'EXPIRED', 'CANCELLED')"
)

organisers = sa.Table(
    "organisers",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)

venues = sa.Table(
    "venues",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("city", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("city_key", sa.Text, sa.Computed("search_key(city)", persisted=True)),
)

# A text is looked for in any of the four; a key has no line breaks, so nothing is found across two of them. Every word
# follows a blank.
_SEARCH_TEXT = (
    r"' ' || search_key(name) || E'\n ' || search_key(description)"
    r" || E'\n ' || search_key(coalesce(category, '')) || E'\n ' || search_key(coalesce(series, ''))"
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("organiser_id", _ID, sa.ForeignKey("organisers.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("age_rating", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("series", sa.Text),
    sa.Column("ticket_limit", sa.Integer, nullable=False, server_default="10"),
    sa.Column("category_key", sa.Text, sa.Computed("search_key(category)", persisted=True)),
    sa.Column("search_text", sa.Text, sa.Computed(_SEARCH_TEXT, persisted=True)),
    sa.Index(
        "ix_events_search_text", "search_text", postgresql_using="gin", postgresql_ops={"search_text": "gin_trgm_ops"}
    ),
    sa.CheckConstraint(_one_of("kind", "FOOTBALL", "CINEMA", "CONCERT", "FESTIVAL"), name="kind"),
    sa.CheckConstraint(_one_of("age_rating", "L", "A10", "A12", "A14", "A16", "A18"), name="age_rating"),
    sa.CheckConstraint("ticket_limit > 0", name="ticket_limit_positive"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("event_id", _ID, sa.ForeignKey("events.id"), nullable=False),
    sa.Column("venue_id", _ID, sa.ForeignKey("venues.id"), nullable=False),
    sa.Column("starts_at", _TIME, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("minimum_age", sa.Integer),
    sa.Column("hold_minutes", sa.Integer, nullable=False),
    sa.Column("numbered_seats", sa.Boolean, nullable=False),
    # Copies from venue and event, kept by triggers, so that each filter of the catalogue is a walk along one index.
    sa.Column("city_key", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("category_key", sa.Text),
    sa.CheckConstraint(_one_of("status", "SCHEDULED", "ON_SALE", "SALES_CLOSED", "CANCELLED"), name="status"),
    sa.CheckConstraint("hold_minutes BETWEEN 1 AND 1440", name="hold_minutes"),
    sa.Index("ix_sessions_event_id_starts_at", "event_id", "starts_at", "id"),
    sa.Index("ix_sessions_starts_at", "starts_at", "event_id"),
    sa.Index("ix_sessions_city_key", "city_key", "starts_at", "event_id"),
    sa.Index("ix_sessions_kind", "kind", "starts_at", "event_id"),
    sa.Index("ix_sessions_category_key", "category_key", "starts_at", "event_id"),
    sa.Index("ix_sessions_venue_id", "venue_id"),
)

sectors = sa.Table(
    "sectors",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("session_id", _ID, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("numbered", sa.Boolean, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("service_fee_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False, server_default="BRL"),
    # Counted in the transactions that change units: availability is never found by scanning them.
    sa.Column("held", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sold", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_served_sequence", QueueNumber, nullable=False, server_default="0"),
    sa.CheckConstraint("held >= 0 AND sold >= 0 AND held + sold <= capacity", name="counters"),
    sa.CheckConstraint("price_minor >= 0 AND service_fee_minor >= 0", name="prices"),
    sa.UniqueConstraint("session_id", "position"),
)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("customer_id", _ID, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    # As requested, hence without foreign keys: a request for what does not exist is kept too, as rejected.
    sa.Column("session_id", _ID, nullable=False),
    sa.Column("sector_id", _ID, nullable=False),
    sa.Column("event_id", _ID, sa.ForeignKey("events.id")),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("held_until", _TIME),
    # The prices of the moment when it was held: what is paid, whatever the sector costs later.
    sa.Column("unit_price_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("unit_fee_minor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("currency", sa.Text, nullable=False, server_default="BRL"),
    sa.Column("rejection", JSONB),
    sa.Column("payment_id", _ID),
    sa.Column("sequence", QueueNumber, nullable=False),
    sa.Column("requested_at", _TIME, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("confirmed_at", _TIME),
    # The status for which everything was found in order: tickets, money, concessions, mail. A new status is looked at
    # again by itself, because it differs.
    sa.Column("settled_status", sa.Text),
    # Since when it could be settled: the end of a hold that lasts, the moment of the sale, else of the request.
    sa.Column(
        "settled_from",
        _TIME,
        sa.Computed(
            "CASE WHEN status IN ('HELD', 'AWAITING_PAYMENT') THEN held_until"
            " ELSE COALESCE(confirmed_at, created_at) END",
            persisted=True,
        ),
    ),
    sa.UniqueConstraint("customer_id", "idempotency_key"),
    sa.CheckConstraint(
        _one_of(
            "status",
            "QUEUED",
            "HELD",
            "REJECTED_SOLD_OUT",
            "REJECTED_INVALID",
            "AWAITING_PAYMENT",
            "CONFIRMED",
            "PARTIALLY_CANCELLED",
            "EXPIRED",
            "CANCELLED",
        ),
        name="status",
    ),
    sa.CheckConstraint("status NOT IN ('HELD', 'AWAITING_PAYMENT') OR held_until IS NOT NULL", name="hold_has_an_end"),
    sa.CheckConstraint(
        "status <> 'CONFIRMED' OR payment_id IS NOT NULL OR unit_price_minor + unit_fee_minor = 0",
        name="confirmed_is_paid",
    ),
    sa.CheckConstraint("quantity BETWEEN 1 AND 10 OR status = 'REJECTED_INVALID'", name="quantity"),
    sa.Index("ix_reservations_customer_id_created_at", "customer_id", "created_at", "id"),
    sa.Index("ix_reservations_customer_id_event_id", "customer_id", "event_id"),
    sa.Index(
        "ix_reservations_holds",
        "sector_id",
        "held_until",
        "id",
        postgresql_where=sa.text("status IN ('HELD', 'AWAITING_PAYMENT')"),
    ),
    sa.Index("ix_reservations_due", "held_until", postgresql_where=sa.text("status IN ('HELD', 'AWAITING_PAYMENT')")),
    sa.Index("ix_reservations_unsettled", "settled_from", "id", postgresql_where=sa.text(UNSETTLED)),
)

units = sa.Table(
    "units",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("sector_id", _ID, sa.ForeignKey("sectors.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="FREE"),
    sa.Column("reservation_id", _ID, sa.ForeignKey("reservations.id")),
    sa.Column("held_until", _TIME),
    sa.CheckConstraint(_one_of("kind", "SEAT", "PLACE"), name="kind"),
    sa.CheckConstraint(
        "CASE state WHEN 'FREE' THEN reservation_id IS NULL AND held_until IS NULL"
        " WHEN 'HELD' THEN reservation_id IS NOT NULL AND held_until IS NOT NULL"
        " WHEN 'SOLD' THEN reservation_id IS NOT NULL AND held_until IS NULL ELSE false END",
        name="state",
    ),
    sa.UniqueConstraint("sector_id", "position"),
    sa.Index("ix_units_free", "sector_id", "position", postgresql_where=sa.text("state = 'FREE'")),
    sa.Index("ix_units_reservation_id", "reservation_id", postgresql_where=sa.text("reservation_id IS NOT NULL")),
)

# Which units a reservation got: it stays when they are free again, for the late payment and for the buyer's history.
reservation_units = sa.Table(
    "reservation_units",
    metadata,
    sa.Column("reservation_id", _ID, sa.ForeignKey("reservations.id"), primary_key=True),
    sa.Column("unit_id", _ID, sa.ForeignKey("units.id"), primary_key=True),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("reservation_id", _ID, sa.ForeignKey("reservations.id"), nullable=False),
    sa.Column("customer_id", _ID, nullable=False),
    sa.Column("session_id", _ID, sa.ForeignKey("sessions.id"), nullable=False),
    sa.Column("unit_id", _ID, sa.ForeignKey("units.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("issued_at", _TIME, nullable=False),
    sa.Column("checked_in_at", _TIME),
    sa.Column("checked_in_gate", sa.Text),
    sa.CheckConstraint(_one_of("status", "ISSUED", "CHECKED_IN", "TRANSFERRED", "CANCELLED", "REVOKED"), name="status"),
    sa.CheckConstraint("length(secret) = 16", name="secret_length"),
    sa.Index(
        "uq_tickets_live_unit",
        "unit_id",
        unique=True,
        postgresql_where=sa.text("status IN ('ISSUED', 'CHECKED_IN')"),
    ),
    sa.Index("ix_tickets_reservation_id", "reservation_id"),
)

# Payments that could not buy their reservation. The answer is final: their money goes back, so they may not buy it
# later, when its units happen to be free again.
refused_payments = sa.Table(
    "refused_payments",
    metadata,
    sa.Column("payment_id", _ID, primary_key=True),
    sa.Column("reservation_id", _ID, sa.ForeignKey("reservations.id"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("refused_at", _TIME, nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint(_one_of("reason", "UNITS_TAKEN", "AMOUNT_MISMATCH"), name="reason"),
)

# One row per customer and event that ever got units: locked while their number is checked, counted from reservations.
purchase_limits = sa.Table(
    "purchase_limits",
    metadata,
    sa.Column("customer_id", _ID, primary_key=True),
    sa.Column("event_id", _ID, sa.ForeignKey("events.id"), primary_key=True, index=True),
)

# How often somebody at a gate has typed a code that no ticket has, since `since`; a row for each who ever did.
wrong_codes = sa.Table(
    "wrong_codes",
    metadata,
    sa.Column("gate_user_id", _ID, primary_key=True),
    sa.Column("since", _TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
)

outbox.outbox_table(metadata)
idempotency.idempotency_table(metadata)
