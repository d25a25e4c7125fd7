"""``/graphql``: POST and ``graphql-transport-ws``, within the deadline that the caller has left."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from strawberry.fastapi import GraphQLRouter
from strawberry.federation import Schema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult

from subgraphs.chassis.client_address import HEADER as CLIENT_ADDRESS
from subgraphs.chassis.client_address import client_address
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.graphql.locale import negotiate

MAX_DEADLINE_SECONDS: Final = 30.0
MAX_SUBSCRIPTIONS: Final = 1_000  # the gateway carries many clients over one connection


class GraphQLEndpoint(GraphQLRouter[Context, None]):
    """strawberry's router with our context and a deadline."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(
            schema,
            path="/graphql",
            graphql_ide=None,
            allow_queries_via_get=False,
            context_getter=_context,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            max_subscriptions_per_connection=MAX_SUBSCRIPTIONS,
            include_in_schema=False,
        )

    def parse_json(self, data: str | bytes) -> Any:
        parsed = super().parse_json(data)
        if not isinstance(parsed, dict):
            raise HTTPException(400, "The request body must be a JSON object.")
        return parsed

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:
        try:
            # From when the request came: what it has waited for its turn counts.
            async with asyncio.timeout_at(kwargs["request"].state.deadline):
                return await super().execute_operation(*args, **kwargs)
        except TimeoutError:
            error = GraphQLError("The deadline has passed.", extensions={"code": "DEADLINE_EXCEEDED"})
            return ExecutionResult(data=None, errors=[error], extensions={})


async def _context(connection: HTTPConnection) -> Context:
    running = connection.app.state.running
    return Context(
        identity=connection.state.identity,
        locale=negotiate(connection.headers.get("accept-language")),
        database=running.optional_watchers_database
        if connection.scope["type"] == "websocket"
        else running.optional_database,
        resources=running.resources,
        connection=connection,
        request_id=connection.state.request_id,
        client_address=client_address(connection.headers.get(CLIENT_ADDRESS), connection.state.identity.caller),
    )


def seconds_left(header: str | None) -> float:
    """What ``X-Request-Timeout-Ms`` says, in seconds; the most that anything may take where it says nothing."""
    try:
        milliseconds = int(header) if header else 0
    except ValueError:
        milliseconds = 0
    return min(milliseconds / 1000, MAX_DEADLINE_SECONDS) if milliseconds > 0 else MAX_DEADLINE_SECONDS
