"""The experience subgraph as something that answers requests: GraphQL in, JSON values out."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.experience.context import Adapters, Context, Send
from gateway.experience.schema import build_schema


class ExperienceSubgraph:
    def __init__(self, adapters: Adapters) -> None:
        self._schema = build_schema()
        self._adapters = adapters

    async def answer(
        self,
        query: str,
        variables: Mapping[str, Any],
        *,
        customer_id: UUID | None,
        locale: str,
        deadline: float,
        send: Send,
    ) -> dict[str, Any]:
        """The response. `deadline` is a time of the running loop; `extensions.degraded` says what was missing."""
        context = Context(self._adapters, customer_id, locale, deadline, send)
        result = await self._schema.execute(query, variable_values=dict(variables), context_value=context)
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = [error.formatted for error in result.errors]
        if context.degraded:
            response["extensions"] = {"degraded": context.degraded}
        return response
