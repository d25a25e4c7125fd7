"""How many of each function run at once on one machine: each one at the same time is a Python process of its own.

The template reserves shares for AWS; the emulated CloudFormation does not read them, and they would start dozens of
processes. Without any, the steps of the flows would use up what there is, and the batch of a queue whose function is
then refused stays invisible until its visibility timeout ends: a paid buyer waits for it.
"""

from typing import Final

# One of every other function: a queue's mapping keeps to its function's share, so that its batches are never refused,
# and one process handles some fifty messages a second. What state machines call is refused for a second at a time when
# there is more of it. More processes do not make it faster: their starts (0.9 s of CPU each) take the machine.
_SHARES: Final = {
    "bilhetagem-reservation-flow": 4,
    "bilhetagem-payment-flow": 4,
}
# Started before they are needed: on a busy machine a start takes longer than an invocation may, and the batch that
# waits for it stays invisible.
CONSUMERS: Final = ("bilhetagem-reservation-requests", "bilhetagem-flow-signals")
ACCOUNT_CONCURRENCY: Final = 16


def share_of(function: str) -> int:
    return _SHARES.get(function, 1)
