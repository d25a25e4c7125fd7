"""The types that this subgraph adds to, or refers to. Stubs of other services' entities carry their id alone."""

from enum import Enum
from typing import Annotated, Final

import strawberry
from strawberry.federation.schema_directives import Key

_ELSEWHERE: Final = Key(fields="id", resolvable=False)  # type: ignore[arg-type]


@strawberry.interface(description="Whatever has an id of its own.")
class Node:
    id: strawberry.ID


@strawberry.enum
class SuggestionReason(Enum):
    POPULAR = "POPULAR"
    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"
    BECAUSE_YOU_BOUGHT = "BECAUSE_YOU_BOUGHT"
    DEFAULT = "DEFAULT"


@strawberry.federation.type(keys=[_ELSEWHERE])
class Event(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Session(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Sector(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Unit(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Venue(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Organiser(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Ticket(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Product(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class ConcessionOrder(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Payment(Node):
    pass


@strawberry.federation.type(keys=[_ELSEWHERE])
class Notification(Node):
    pass


SuggestedItem = Annotated[Product | Event, strawberry.union("SuggestedItem")]


@strawberry.federation.type(keys=[_ELSEWHERE], description="Something this customer may want as well.")
class Suggestion(Node):
    reason: SuggestionReason = strawberry.federation.field(shareable=True)
    item: SuggestedItem | None = strawberry.federation.field(shareable=True)


STUBS: Final[dict[str, type[Node]]] = {
    stub.__name__: stub
    for stub in (
        Event,
        Session,
        Sector,
        Unit,
        Venue,
        Organiser,
        Ticket,
        Product,
        ConcessionOrder,
        Payment,
        Notification,
    )
}
