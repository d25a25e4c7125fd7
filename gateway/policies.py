"""What is done when the owner of a field is slow or down: declared here, and nowhere else.

A request has 15 s (`Settings.request_timeout`). A service that hangs may take a third of them: `attempt_timeout` leaves
room for two attempts within `timeout`, and `retries` for a third where attempts fail at once, as in a restart. It is
known to hang when five attempts in a row have failed while it answered nobody: when many ask, after the first of these
times; when one asks after the other, with the third who asks. From then on nobody waits for it but one, every two
seconds. A mutation that is not waited for may have been done all the same: it is given what a request can spare.

The experience's own calls follow the same rule (`gateway/experience/clients/services.py`), over the same connections.
It composes suggestions from what three services know, in 4.6 s at most, and has the defaults for what it cannot ask;
when it brings nothing at all, or not in time, the same defaults are served from here. Money has no fallback.
"""

from gateway.federation import Breaker, Fallback, Field, LastGood, Policies, Policy, Subgraph
from gateway.settings import SERVICES

_BREAKER = Breaker(failures=5, reset=2.0)


def declare_policies(default_suggestions: Fallback) -> Policies:
    """`default_suggestions` is the parameter that operations keep (`ParameterStore`)."""
    suggestions = Policy(timeout=5.0, fallback=default_suggestions)
    return Policies(
        {
            # A reservation's status outlives a restart: 30 s is what a new task takes to be ready.
            Subgraph("ticketing"): Policy(
                timeout=5.0,
                attempt_timeout=2.5,
                retries=2,
                breaker=_BREAKER,
                concurrency=128,
                idempotency_argument="idempotencyKey",
                resubscribe=30.0,
                mutation_timeout=12.0,
                mutation_attempt_timeout=8.0,
            ),
            Subgraph("concessions"): Policy(
                timeout=3.0, attempt_timeout=1.5, retries=2, breaker=_BREAKER, concurrency=128
            ),
            # Hashing a password takes its time when many sign in: one long attempt, since signing in is not sent twice.
            Subgraph("customers"): Policy(
                timeout=5.0,
                attempt_timeout=3.0,
                retries=1,
                breaker=_BREAKER,
                concurrency=128,
                mutation_timeout=10.0,
                mutation_attempt_timeout=10.0,
            ),
            # Only queries: who pays goes through the experience, which waits for the bank.
            Subgraph("payments"): Policy(
                timeout=4.0, attempt_timeout=2.0, retries=1, breaker=_BREAKER, concurrency=128
            ),
            Subgraph("notifications"): Policy(
                timeout=2.0, attempt_timeout=1.0, retries=1, breaker=_BREAKER, concurrency=64
            ),
            Subgraph("suggestions"): Policy(
                timeout=2.0, attempt_timeout=0.8, retries=2, breaker=_BREAKER, concurrency=64
            ),
            # `payReservation` waits for three services and the bank; what only reads is bounded below.
            Subgraph("experience"): Policy(timeout=14.0),
            Field("Reservation.payment"): Policy(timeout=4.0),
            Field("Event.combos"): Policy(fallback=LastGood(max_age=300)),
            Field("Customer.suggestions"): suggestions,
            Field("Reservation.suggestions"): suggestions,
        }
    )


def declare_calls() -> dict[str, Policy]:
    """For the experience's own calls, by service. How long it waits, and how often it tries, is said beside them."""
    return {service: Policy(breaker=_BREAKER, concurrency=64) for service in SERVICES}
