"""What is done when the owner of a field is slow or down: declared here, and nowhere else.

Suggestions have their fallback in the experience subgraph, which has the defaults; money has none.
"""

from gateway.federation import Breaker, Field, LastGood, Policies, Policy, Subgraph

_BREAKER = Breaker(failures=8, reset=2.0)

POLICIES = Policies(
    {
        Subgraph("ticketing"): Policy(
            timeout=5.0, retries=2, breaker=_BREAKER, concurrency=256, idempotency_argument="idempotencyKey"
        ),
        Subgraph("concessions"): Policy(timeout=3.0, retries=2, breaker=_BREAKER, concurrency=128),
        Subgraph("customers"): Policy(timeout=5.0, retries=1, breaker=_BREAKER, concurrency=128),
        # A payment waits for the bank or the card company: 10 s, and no second try behind the caller's back.
        Subgraph("payments"): Policy(timeout=10.0, retries=0, breaker=_BREAKER, concurrency=128),
        Subgraph("notifications"): Policy(timeout=2.0, retries=1, breaker=_BREAKER, concurrency=64),
        Subgraph("suggestions"): Policy(timeout=1.0, retries=2, breaker=_BREAKER, concurrency=64),
        Subgraph("experience"): Policy(timeout=14.0),
        Field("Event.combos"): Policy(fallback=LastGood(max_age=300)),
    }
)
