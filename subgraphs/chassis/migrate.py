"""``python -m subgraphs.chassis.migrate SERVICE`` (DATABASE_URL), or several at once: ``SERVICE=URL SERVICE=URL …``."""

from __future__ import annotations

import asyncio
import os
import sys

from subgraphs.chassis.migrations import upgrade


async def migrate(arguments: list[str]) -> None:
    """Upgrade each to head, one after the other (Alembic keeps its context in a module)."""
    for argument in arguments:
        service, _, url = argument.partition("=")
        await upgrade(service, url or os.environ["DATABASE_URL"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    asyncio.run(migrate(sys.argv[1:]))
