"""Puts the ticketing service together: `uvicorn --factory subgraphs.ticketing.app:create_app`."""

from fastapi import FastAPI

from subgraphs.chassis.app import build_app
from subgraphs.ticketing.resources import look_over_watched, open_resources, read_waiting_lines
from subgraphs.ticketing.retention import RULES
from subgraphs.ticketing.schema import schema
from subgraphs.ticketing.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service; without settings it reads the environment."""
    return build_app(
        settings or Settings(),
        schema,
        resources=open_resources,
        background=(read_waiting_lines, look_over_watched),
        retention=RULES,
    )
