"""How many of each function run at once on one machine: each one at the same time is a Python process of its own.

The template reserves shares for AWS; the emulated CloudFormation does not read them, and they would start dozens of
processes. Without any, the steps of the flows would use up what there is, and the batch of a queue whose function is
then refused stays invisible until its visibility timeout ends: a paid buyer waits for it.
"""

from typing import Final

# A queue's mapping keeps to its function's share, so that its batches are never refused. What state machines call is
# refused for a second at a time when there is more of it.
_SHARES: Final = {
    "bilhetagem-reservation-requests": 1,
    "bilhetagem-flow-signals": 2,
    "bilhetagem-reservation-flow": 8,
    "bilhetagem-payment-flow": 6,
}
ACCOUNT_CONCURRENCY: Final = 24


def share_of(function: str) -> int:
    return _SHARES.get(function, 1)
