"""Searching the catalogue: texts without accents and case, and an index to walk along for each filter."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0005_search"
down_revision = "0004_free_reservations"
branch_labels = None
depends_on = None

# `São Paulo`, `SÃO PAULO`, its decomposed spelling and ` sao  paulo ` are one key. Compatibility decomposition (NFKD)
# takes the marks off the letters, and no-break spaces become spaces.
SEARCH_KEY: Final = r"""CREATE FUNCTION search_key(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(
        lower(regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]', '', 'g')), '\s+', ' ', 'g'))
"""

# For LIKE on `search_text`. Three letters or more are found anywhere. The index on groups of three letters cannot find
# fewer, but where a word begins: there it counts the blank before the word as a letter.
SEARCH_PATTERN: Final = r"""CREATE FUNCTION search_pattern(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN length(search_key(value)) < 3 THEN '% ' ELSE '%' END
        || replace(replace(replace(search_key(value), '\', '\\'), '%', '\%'), '_', '\_') || '%'
"""

# FOR SHARE: a venue that moves at this moment is waited for, so that the copy cannot be of before and stay so.
COPIES: Final = (
    """CREATE FUNCTION copy_what_sessions_are_searched_by() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT city_key INTO NEW.city_key FROM venues WHERE id = NEW.venue_id FOR SHARE;
        SELECT kind, category_key INTO NEW.kind, NEW.category_key FROM events WHERE id = NEW.event_id FOR SHARE;
        RETURN NEW;
    END $$
    """,
    """CREATE TRIGGER copy_what_sessions_are_searched_by BEFORE INSERT OR UPDATE OF venue_id, event_id ON sessions
    FOR EACH ROW EXECUTE FUNCTION copy_what_sessions_are_searched_by()
    """,
    """CREATE FUNCTION copy_venue_to_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE sessions SET city_key = NEW.city_key WHERE venue_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    """CREATE TRIGGER copy_venue_to_sessions AFTER UPDATE OF city ON venues
    FOR EACH ROW WHEN (OLD.city_key IS DISTINCT FROM NEW.city_key) EXECUTE FUNCTION copy_venue_to_sessions()
    """,
    """CREATE FUNCTION copy_event_to_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE sessions SET kind = NEW.kind, category_key = NEW.category_key WHERE event_id = NEW.id;
        RETURN NULL;
    END $$
    """,
    """CREATE TRIGGER copy_event_to_sessions AFTER UPDATE OF kind, category ON events FOR EACH ROW
    WHEN ((OLD.kind, OLD.category_key) IS DISTINCT FROM (NEW.kind, NEW.category_key))
    EXECUTE FUNCTION copy_event_to_sessions()
    """,
)

COLUMNS: Final = (
    "ALTER TABLE venues ADD COLUMN city_key text GENERATED ALWAYS AS (search_key(city)) STORED",
    r"""ALTER TABLE events
        ADD COLUMN category_key text GENERATED ALWAYS AS (search_key(category)) STORED,
        ADD COLUMN search_text text GENERATED ALWAYS AS (
            ' ' || search_key(name) || E'\n ' || search_key(description)
            || E'\n ' || search_key(coalesce(category, '')) || E'\n ' || search_key(coalesce(series, ''))) STORED
    """,
    "ALTER TABLE sessions ADD COLUMN city_key text, ADD COLUMN kind text, ADD COLUMN category_key text",
    """UPDATE sessions SET city_key = venues.city_key, kind = events.kind, category_key = events.category_key
    FROM venues, events WHERE venues.id = sessions.venue_id AND events.id = sessions.event_id
    """,
)

INDEXES: Final = (
    "DROP INDEX ix_sessions_starts_at",
    "CREATE INDEX ix_sessions_starts_at ON sessions (starts_at, event_id)",
    "CREATE INDEX ix_sessions_city_key ON sessions (city_key, starts_at, event_id)",
    "CREATE INDEX ix_sessions_kind ON sessions (kind, starts_at, event_id)",
    "CREATE INDEX ix_sessions_category_key ON sessions (category_key, starts_at, event_id)",
    # In PostgreSQL's contrib and on Aurora; "trusted", so that the owner of a database may add it.
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX ix_events_search_text ON events USING gin (search_text gin_trgm_ops)",
)


def upgrade() -> None:
    for statement in (SEARCH_KEY, SEARCH_PATTERN, *COLUMNS, *COPIES, *INDEXES):
        op.execute(statement)
