"""httpx's exceptions and bad answers become this service's faults here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from subgraphs.payments.errors import GatewayAnswerInvalid, GatewayRefused, GatewayUnavailable

TRY_AGAIN_STATUSES: Final = frozenset({408, 425, 429})


@contextmanager
def mapped_faults(provider: str) -> Iterator[None]:
    """Raises ``GatewayUnavailable`` for what may pass and ``GatewayAnswerInvalid`` for what is not HTTP."""
    try:
        yield
    except httpx.TimeoutException as exc:
        raise GatewayUnavailable(provider, f"timed out ({type(exc).__name__})") from exc
    except httpx.DecodingError as exc:
        raise GatewayAnswerInvalid(provider, "answer could not be decoded") from exc
    except httpx.TransportError as exc:
        raise GatewayUnavailable(provider, f"no connection ({type(exc).__name__})") from exc


def check_status(provider: str, response: httpx.Response) -> None:
    """Raises for every status but 2xx. The body is not quoted: it may name the payer."""
    if response.is_success:
        return
    status = response.status_code
    if status >= 500 or status in TRY_AGAIN_STATUSES:
        raise GatewayUnavailable(provider, f"answered {status}")
    raise GatewayRefused(provider, f"answered {status}")
