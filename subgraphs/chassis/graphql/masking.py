"""Only errors meant for clients reach them; the rest is logged here, once, with its traceback."""

from __future__ import annotations

from typing import Final

import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors

from subgraphs.chassis.graphql.context import Context
from subgraphs.chassis.graphql.locale import Locale
from subgraphs.chassis.graphql.messages import MESSAGES
from subgraphs.chassis.transient import may_pass

log = structlog.get_logger(__name__)

RETRY_AFTER_MS: Final = 1_000


def is_unexpected(error: GraphQLError) -> bool:
    """True unless graphql-core made the error (syntax, validation, coercion) or a resolver raised a GraphQLError."""
    return error.original_error is not None and not isinstance(error.original_error, GraphQLError)


class MaskUnexpected(MaskErrors):
    def __init__(self) -> None:
        super().__init__(should_mask_error=is_unexpected, error_message="Internal error.")

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        context = self.execution_context.context
        request_id = context.request_id if isinstance(context, Context) else ""
        if may_pass(error.original_error):
            return self._busy(error, request_id, context.locale if isinstance(context, Context) else Locale.EN)
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

    def _busy(self, error: GraphQLError, request_id: str, locale: Locale) -> GraphQLError:
        """The database could not do it now: callers may send the same again (mutations are idempotent)."""
        log.warning(
            "graphql_resolver_gave_up",
            path=error.path,
            operation=self.execution_context.operation_name,
            error=type(error.original_error).__name__,
            sqlstate=getattr(getattr(error.original_error, "orig", None), "sqlstate", None),
        )
        code = "SERVICE_UNAVAILABLE"
        extensions = {"code": code, "retryAfterMs": RETRY_AFTER_MS, "requestId": request_id}
        return GraphQLError(
            MESSAGES[code][locale], nodes=error.nodes, source=error.source, path=error.path, extensions=extensions
        )
