"""Tidying up holds that have ended. Holds end by themselves (`held_until`); this only frees counts and tells."""

from workers.runtime.logging import log
from workers.runtime.subgraph_client import SubgraphClient

SWEEP = """
mutation SweepExpiredHolds($limit: Int!) { sweepExpiredHolds(limit: $limit) }
"""
_AT_ONCE = 500
_MOST_ROUNDS = 10


def sweep(services: SubgraphClient) -> int:
    """How many holds were tidied up; at most 5,000, the rest comes with the next minute. Raises WorkerFault."""
    swept = 0
    for _ in range(_MOST_ROUNDS):
        found = int(services.ask("ticketing", SWEEP, {"limit": _AT_ONCE})["sweepExpiredHolds"])
        swept += found
        if found < _AT_ONCE:
            break
    log("holds_swept", holds=swept)
    return swept
