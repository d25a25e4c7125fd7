"""Puts the concessions service together: `uvicorn --factory subgraphs.concessions.app:create_app`."""

from fastapi import FastAPI

from subgraphs.chassis.app import build_app
from subgraphs.concessions.background import end_overdue_orders
from subgraphs.concessions.retention import RULES
from subgraphs.concessions.schema import schema
from subgraphs.concessions.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the service; without settings it reads the environment."""
    return build_app(settings or Settings(), schema, background=[end_overdue_orders], retention=RULES)
