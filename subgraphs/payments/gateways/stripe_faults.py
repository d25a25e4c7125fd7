"""The Stripe SDK's exceptions become this service's faults here, and nowhere else.

``stripe.CardError`` is not among them: a declined card is an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from subgraphs.payments.errors import GatewayAnswerInvalid, GatewayRefused, GatewayUnavailable


@contextmanager
def mapped_faults(provider: str) -> Iterator[None]:
    """Messages of Stripe are not quoted: they may hold what the payer typed."""
    try:
        yield
    except stripe.CardError:
        raise
    except (stripe.APIConnectionError, stripe.RateLimitError) as exc:
        raise GatewayUnavailable(provider, type(exc).__name__) from exc
    except (
        stripe.InvalidRequestError,
        stripe.AuthenticationError,
        stripe.PermissionError,
        stripe.IdempotencyError,
    ) as exc:
        raise GatewayRefused(provider, f"{type(exc).__name__} ({exc.code})") from exc
    except stripe.APIError as exc:
        status = exc.http_status
        if status is not None and status < 400:
            raise GatewayAnswerInvalid(provider, "answer is not the promised JSON") from exc
        raise GatewayUnavailable(provider, f"answered {status}") from exc
    except stripe.StripeError as exc:
        raise GatewayUnavailable(provider, type(exc).__name__) from exc
