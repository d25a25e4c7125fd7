"""What other rooms rely on: the SDL, the events' schema, the migrations."""

from collections.abc import Callable

from subgraphs.chassis.event_schema import event_schema, event_schema_path
from subgraphs.chassis.migrations import drift, upgrade
from subgraphs.chassis.sdl import sdl, sdl_path


def test_the_committed_sdl_is_what_the_code_says() -> None:
    assert sdl_path("payments").read_text(encoding="utf-8") == sdl("payments")


def test_the_committed_event_schema_is_what_the_code_says() -> None:
    assert event_schema_path("payments").read_text(encoding="utf-8") == event_schema("payments")


async def test_the_migrations_make_the_declared_tables(fresh_database: Callable[[str], str]) -> None:
    url = fresh_database("payments")
    assert await drift("payments", url) == []
    await upgrade("payments", url)  # again: nothing to do
