"""The ticketing service with one route more, which tells how many SQL statements it has sent."""

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from subgraphs.ticketing.app import create_app as create_ticketing

_sent = {"statements": 0}


def create_app() -> FastAPI:
    """For `uvicorn --factory`; settings come from the environment."""
    sa.event.listen(sa.Engine, "before_cursor_execute", _count)
    app = create_ticketing()
    app.add_api_route("/statements", lambda: JSONResponse(_sent))
    return app


def _count(*_: object) -> None:
    _sent["statements"] += 1
