"""Python's cycle collector, set for a server: what was made at the start stays, requests leave no cycles."""

import gc

_YOUNG = 50_000


def settle_collector() -> None:
    """Call it once, when everything has been made.

    Requests leave next to nothing for the collector to find, so it need not look for it every 700 objects, nor walk
    the schema and the compiled operations each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
