"""The catalogue, units, reservations, tickets, outbox and idempotency keys."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES: Final = (
    """CREATE TABLE idempotency (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        result JSONB,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (scope, key)
    )
    """,
    """CREATE TABLE organisers (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        CONSTRAINT pk_organisers PRIMARY KEY (id)
    )
    """,
    """CREATE TABLE outbox (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (position),
        CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
    )
    """,
    """CREATE TABLE venues (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        city TEXT NOT NULL,
        state TEXT NOT NULL,
        address TEXT NOT NULL,
        time_zone TEXT NOT NULL,
        CONSTRAINT pk_venues PRIMARY KEY (id)
    )
    """,
    """CREATE TABLE events (
        id UUID NOT NULL,
        organiser_id UUID NOT NULL,
        name TEXT NOT NULL,
        description TEXT DEFAULT '' NOT NULL,
        kind TEXT NOT NULL,
        age_rating TEXT NOT NULL,
        category TEXT,
        series TEXT,
        ticket_limit INTEGER DEFAULT '10' NOT NULL,
        CONSTRAINT pk_events PRIMARY KEY (id),
        CONSTRAINT ck_events_kind CHECK (kind IN ('FOOTBALL', 'CINEMA', 'CONCERT', 'FESTIVAL')),
        CONSTRAINT ck_events_age_rating CHECK (age_rating IN ('L', 'A10', 'A12', 'A14', 'A16', 'A18')),
        CONSTRAINT ck_events_ticket_limit_positive CHECK (ticket_limit > 0),
        CONSTRAINT fk_events_organiser_id FOREIGN KEY(organiser_id) REFERENCES organisers (id)
    )
    """,
    """CREATE TABLE purchase_limits (
        customer_id UUID NOT NULL,
        event_id UUID NOT NULL,
        CONSTRAINT pk_purchase_limits PRIMARY KEY (customer_id, event_id),
        CONSTRAINT fk_purchase_limits_event_id FOREIGN KEY(event_id) REFERENCES events (id)
    )
    """,
    """CREATE TABLE reservations (
        id UUID NOT NULL,
        customer_id UUID NOT NULL,
        idempotency_key TEXT NOT NULL,
        session_id UUID NOT NULL,
        sector_id UUID NOT NULL,
        event_id UUID,
        quantity INTEGER NOT NULL,
        status TEXT NOT NULL,
        held_until TIMESTAMP WITH TIME ZONE,
        unit_price_minor BIGINT DEFAULT '0' NOT NULL,
        unit_fee_minor BIGINT DEFAULT '0' NOT NULL,
        currency TEXT DEFAULT 'BRL' NOT NULL,
        rejection JSONB,
        payment_id UUID,
        sequence BIGINT NOT NULL,
        requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        confirmed_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_reservations PRIMARY KEY (id),
        CONSTRAINT uq_reservations_customer_id_idempotency_key UNIQUE (customer_id, idempotency_key),
        CONSTRAINT ck_reservations_status CHECK (status IN ('QUEUED', 'HELD', 'REJECTED_SOLD_OUT', 'REJECTED_INVALID', 'AWAITING_PAYMENT', 'CONFIRMED', 'PARTIALLY_CANCELLED', 'EXPIRED', 'CANCELLED')),
        CONSTRAINT ck_reservations_hold_has_an_end CHECK (status NOT IN ('HELD', 'AWAITING_PAYMENT') OR held_until IS NOT NULL),
        CONSTRAINT ck_reservations_confirmed_is_paid CHECK (status <> 'CONFIRMED' OR payment_id IS NOT NULL),
        CONSTRAINT ck_reservations_quantity CHECK (quantity BETWEEN 1 AND 10 OR status = 'REJECTED_INVALID'),
        CONSTRAINT fk_reservations_event_id FOREIGN KEY(event_id) REFERENCES events (id)
    )
    """,
    """CREATE INDEX ix_reservations_customer_id_created_at ON reservations (customer_id, created_at, id)
    """,
    """CREATE INDEX ix_reservations_customer_id_event_id ON reservations (customer_id, event_id)
    """,
    """CREATE INDEX ix_reservations_due ON reservations (held_until) WHERE status IN ('HELD', 'AWAITING_PAYMENT')
    """,
    """CREATE INDEX ix_reservations_holds ON reservations (sector_id, held_until, id) WHERE status IN ('HELD', 'AWAITING_PAYMENT')
    """,
    """CREATE TABLE sessions (
        id UUID NOT NULL,
        event_id UUID NOT NULL,
        venue_id UUID NOT NULL,
        starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
        status TEXT NOT NULL,
        minimum_age INTEGER,
        hold_minutes INTEGER NOT NULL,
        numbered_seats BOOLEAN NOT NULL,
        CONSTRAINT pk_sessions PRIMARY KEY (id),
        CONSTRAINT ck_sessions_status CHECK (status IN ('SCHEDULED', 'ON_SALE', 'SALES_CLOSED', 'CANCELLED')),
        CONSTRAINT ck_sessions_hold_minutes CHECK (hold_minutes BETWEEN 1 AND 1440),
        CONSTRAINT fk_sessions_event_id FOREIGN KEY(event_id) REFERENCES events (id),
        CONSTRAINT fk_sessions_venue_id FOREIGN KEY(venue_id) REFERENCES venues (id)
    )
    """,
    """CREATE INDEX ix_sessions_event_id_starts_at ON sessions (event_id, starts_at, id)
    """,
    """CREATE INDEX ix_sessions_starts_at ON sessions (starts_at)
    """,
    """CREATE INDEX ix_sessions_venue_id ON sessions (venue_id)
    """,
    """CREATE TABLE sectors (
        id UUID NOT NULL,
        session_id UUID NOT NULL,
        position INTEGER NOT NULL,
        name TEXT NOT NULL,
        numbered BOOLEAN NOT NULL,
        capacity INTEGER NOT NULL,
        price_minor BIGINT NOT NULL,
        service_fee_minor BIGINT NOT NULL,
        currency TEXT DEFAULT 'BRL' NOT NULL,
        held INTEGER DEFAULT '0' NOT NULL,
        sold INTEGER DEFAULT '0' NOT NULL,
        last_served_sequence BIGINT DEFAULT '0' NOT NULL,
        CONSTRAINT pk_sectors PRIMARY KEY (id),
        CONSTRAINT ck_sectors_counters CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity),
        CONSTRAINT ck_sectors_prices CHECK (price_minor >= 0 AND service_fee_minor >= 0),
        CONSTRAINT uq_sectors_session_id_position UNIQUE (session_id, position),
        CONSTRAINT fk_sectors_session_id FOREIGN KEY(session_id) REFERENCES sessions (id)
    )
    """,
    """CREATE TABLE units (
        id UUID NOT NULL,
        sector_id UUID NOT NULL,
        position INTEGER NOT NULL,
        label TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT DEFAULT 'FREE' NOT NULL,
        reservation_id UUID,
        held_until TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_units PRIMARY KEY (id),
        CONSTRAINT ck_units_kind CHECK (kind IN ('SEAT', 'PLACE')),
        CONSTRAINT ck_units_state CHECK (CASE state WHEN 'FREE' THEN reservation_id IS NULL AND held_until IS NULL WHEN 'HELD' THEN reservation_id IS NOT NULL AND held_until IS NOT NULL WHEN 'SOLD' THEN reservation_id IS NOT NULL AND held_until IS NULL ELSE false END),
        CONSTRAINT uq_units_sector_id_position UNIQUE (sector_id, position),
        CONSTRAINT fk_units_sector_id FOREIGN KEY(sector_id) REFERENCES sectors (id),
        CONSTRAINT fk_units_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservations (id)
    )
    """,
    """CREATE INDEX ix_units_free ON units (sector_id, position) WHERE state = 'FREE'
    """,
    """CREATE INDEX ix_units_reservation_id ON units (reservation_id) WHERE reservation_id IS NOT NULL
    """,
    """CREATE TABLE reservation_units (
        reservation_id UUID NOT NULL,
        unit_id UUID NOT NULL,
        CONSTRAINT pk_reservation_units PRIMARY KEY (reservation_id, unit_id),
        CONSTRAINT fk_reservation_units_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservations (id),
        CONSTRAINT fk_reservation_units_unit_id FOREIGN KEY(unit_id) REFERENCES units (id)
    )
    """,
    """CREATE TABLE tickets (
        id UUID NOT NULL,
        reservation_id UUID NOT NULL,
        customer_id UUID NOT NULL,
        session_id UUID NOT NULL,
        unit_id UUID NOT NULL,
        code TEXT NOT NULL,
        secret BYTEA NOT NULL,
        status TEXT NOT NULL,
        issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
        checked_in_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_tickets PRIMARY KEY (id),
        CONSTRAINT ck_tickets_status CHECK (status IN ('ISSUED', 'CHECKED_IN', 'TRANSFERRED', 'CANCELLED', 'REVOKED')),
        CONSTRAINT ck_tickets_secret_length CHECK (length(secret) = 16),
        CONSTRAINT fk_tickets_reservation_id FOREIGN KEY(reservation_id) REFERENCES reservations (id),
        CONSTRAINT fk_tickets_session_id FOREIGN KEY(session_id) REFERENCES sessions (id),
        CONSTRAINT fk_tickets_unit_id FOREIGN KEY(unit_id) REFERENCES units (id),
        CONSTRAINT uq_tickets_code UNIQUE (code)
    )
    """,
    """CREATE INDEX ix_tickets_reservation_id ON tickets (reservation_id)
    """,
    """CREATE UNIQUE INDEX uq_tickets_live_unit ON tickets (unit_id) WHERE status IN ('ISSUED', 'CHECKED_IN')
    """,
)

# The backstop behind the allocation's own check. `clock_timestamp()`, because a hold that was over when the allocation
# looked is over now; a change of a hold that still counts (its sale) adds nothing and is let through.
TICKET_LIMIT: Final = (
    """CREATE FUNCTION enforce_ticket_limit() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        maximum integer;
        total bigint;
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.status IN ('HELD', 'AWAITING_PAYMENT') THEN
            RETURN NULL;
        END IF;
        SELECT ticket_limit INTO maximum FROM events WHERE id = NEW.event_id;
        SELECT coalesce(sum(quantity), 0) INTO total FROM reservations
        WHERE customer_id = NEW.customer_id AND event_id = NEW.event_id
          AND (status IN ('CONFIRMED', 'PARTIALLY_CANCELLED')
               OR (status IN ('HELD', 'AWAITING_PAYMENT') AND held_until > clock_timestamp()));
        IF total > maximum THEN
            RAISE EXCEPTION 'ticket limit of the event exceeded'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_reservations_ticket_limit';
        END IF;
        RETURN NULL;
    END $$
    """,
    """CREATE TRIGGER enforce_ticket_limit AFTER INSERT OR UPDATE OF status ON reservations
    FOR EACH ROW WHEN (NEW.status IN ('HELD', 'CONFIRMED')) EXECUTE FUNCTION enforce_ticket_limit()
    """,
)


def upgrade() -> None:
    for statement in (*TABLES, *TICKET_LIMIT):
        op.execute(statement)
