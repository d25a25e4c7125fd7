"""The function behind the schedule of every minute, wired."""

import functools
from typing import Any

from workers.runtime.subgraph_client import SubgraphClient
from workers.runtime.time_left import Invocation, within
from workers.runtime.wiring import subgraph_client
from workers.sweep_holds.sweep import sweep


@functools.cache
def _services() -> SubgraphClient:
    return subgraph_client()


def prepare() -> None:
    _services()


def handler(event: dict[str, Any], context: Invocation) -> dict[str, int]:
    with within(context):
        return {"swept": sweep(_services())}
