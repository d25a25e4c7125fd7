"""Errors a client may read. Everything else that a resolver raises is logged and masked.

``graphql.GraphQLError``
└── ``ClientFault``        top-level error with ``extensions.code``
    ├── ``BadInput``       BAD_USER_INPUT: an argument of a query is out of its bounds
    └── ``NotAllowed``     FORBIDDEN: an internal field, asked by a caller it is not meant for
"""

from __future__ import annotations

from typing import ClassVar

from graphql import GraphQLError


class ClientFault(GraphQLError):
    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": self.code})


class BadInput(ClientFault):
    code = "BAD_USER_INPUT"


class NotAllowed(ClientFault):
    code = "FORBIDDEN"
