"""No value of any argument is told as the service's fault."""

import json

import httpx

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.identity import Identity
from subgraphs.chassis.sdl import sdl
from subgraphs.notifications.schema import schema
from tests.subgraphs.hostile_values import SOMEBODY, Target, attack


async def test_every_argument_takes_or_refuses_whatever_it_is_given(connected: Database) -> None:
    async def send(body: str, caller: str) -> httpx.Response:
        asked = json.loads(body)
        context = Context(identity=Identity(caller, SOMEBODY), database=connected)
        answer = await schema.execute(asked["query"], variable_values=asked["variables"], context_value=context)
        errors = [error.formatted for error in answer.errors or ()]
        return httpx.Response(200, json={"data": answer.data} | ({"errors": errors} if errors else {}))

    customer = {"__typename": "Customer", "id": global_id.encode("Customer", SOMEBODY)}
    assert await attack(Target(sdl("notifications"), entities={"Customer": customer}), send) > 100
