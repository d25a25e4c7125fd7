"""How long the service keeps what nobody asks for any more. Orders stay."""

from typing import Final

from subgraphs.chassis import idempotency

RULES: Final = (idempotency.RETENTION,)
