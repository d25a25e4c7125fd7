"""Errors a client may read. Everything else that a resolver raises is logged and masked.

``graphql.GraphQLError``
└── ``ClientFault``        top-level error with ``extensions.code``
    ├── ``BadInput``       BAD_USER_INPUT: an argument of a query is out of its bounds
    └── ``NotAllowed``     FORBIDDEN: an internal field, asked by a caller it is not meant for
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, TypeAlias

from graphql import GraphQLError, Node

ArgumentPath: TypeAlias = tuple[str | int, ...]
"""From a field's argument down to a value, such as ``("input", "items", 0, "quantity")``."""


class ClientFault(GraphQLError):
    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": self.code})


class BadInput(ClientFault):
    """``argument`` is told as ``extensions.argumentPath``, beside the error's ``path`` (of the field in the answer)."""

    code = "BAD_USER_INPUT"

    def __init__(
        self,
        message: str,
        argument: ArgumentPath = (),
        *,
        path: Collection[str | int] | None = None,
        nodes: Collection[Node] | None = None,
    ) -> None:
        extensions = {"code": self.code} | ({"argumentPath": list(argument)} if argument else {})
        GraphQLError.__init__(self, message, nodes, path=path, extensions=extensions)


class NotAllowed(ClientFault):
    code = "FORBIDDEN"
