"""The queue's numbers as they are handed over: text, since GraphQL's Int has 32 bits and they have up to 128."""

import re
from typing import Final

from subgraphs.chassis.graphql.errors import BadInput

_DIGITS: Final = re.compile(r"[0-9]{1,39}", re.ASCII)


def queue_number(text: str) -> int:
    """Raises BadInput for anything but 1 to 39 digits."""
    if not _DIGITS.fullmatch(text):
        raise BadInput("'sequence' must be 1 to 39 digits.")
    return int(text)
