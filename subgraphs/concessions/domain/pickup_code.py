"""The code a customer says at the counter: short, and nothing in it can be misread or misheard for something else."""

import secrets
from collections.abc import Callable, Sequence

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V, and no vowels but A and E, so that few words come about.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
LENGTH = 5


def new_pickup_code(choose: Callable[[Sequence[str]], str] = secrets.choice) -> str:
    """Return a random code of `LENGTH` characters; 23^5 is about 6.4 million codes per venue and day."""
    return "".join(choose(ALPHABET) for _ in range(LENGTH))
