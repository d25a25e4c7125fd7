"""Only errors meant for clients reach them; the rest is logged here, once, with its traceback."""

from __future__ import annotations

import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors

from subgraphs.chassis.graphql.context import Context

log = structlog.get_logger(__name__)


def is_unexpected(error: GraphQLError) -> bool:
    """True unless graphql-core made the error (syntax, validation, coercion) or a resolver raised a GraphQLError."""
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


class MaskUnexpected(MaskErrors):
    def __init__(self) -> None:
        super().__init__(should_mask_error=is_unexpected, error_message="Internal error.")

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        context = self.execution_context.context
        request_id = context.request_id if isinstance(context, Context) else ""
        # The message may carry a row's values: the log gets the exception's type and its traceback without locals.
        log.error(
            "graphql_resolver_failed",
            path=error.path,
            operation=self.execution_context.operation_name,
            error=type(error.original_error).__name__,
            exc_info=error.original_error,
        )
        masked = super().anonymise_error(error)
        masked.extensions = {"code": "INTERNAL_SERVER_ERROR", "requestId": request_id}
        return masked
