"""What a client is told when something could not be had: plain words. Programs go by the code in `extensions`.

No message names what the answer was made of. Nobody who reads "the circuit breaker is open" can do anything with it.
"""

from collections.abc import Mapping
from typing import Final, Protocol

ENGLISH: Final[Mapping[str, str]] = {
    "SUBGRAPH_UNAVAILABLE": "This is not available right now. Try again in a moment.",
    "SUBGRAPH_TIMEOUT": "This took too long. Try again in a moment.",
    "SUBGRAPH_REJECTED": "This is not available right now. Try again in a moment.",
    "OVERLOADED": "Too many people want this right now. Try again in a moment.",
    "SUBGRAPH_STATUS": "This could not be answered. Try again in a moment.",
    "SUBGRAPH_MALFORMED": "This could not be answered. Try again in a moment.",
    "SUBGRAPH_FAILED": "This could not be answered. Try again in a moment.",
    "SUBGRAPH_ERROR": "This could not be answered.",
    "UNAUTHENTICATED": "Sign in to see this.",
    "FORBIDDEN": "You may not see this.",
    "PLANNING_FAILED": "This combination of fields cannot be answered.",
}


class Messages(Protocol):
    """The text for an error's code, in the language that the request's headers ask for."""

    def __call__(self, code: str, headers: Mapping[str, str]) -> str: ...


def in_english(code: str, headers: Mapping[str, str]) -> str:
    return ENGLISH.get(code, ENGLISH["SUBGRAPH_FAILED"])
