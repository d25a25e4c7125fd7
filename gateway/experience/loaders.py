"""Questions that several fields of one request ask, put together and asked once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from aiodataloader import DataLoader

from gateway.experience.context import Context
from gateway.experience.errors import SourceRefused
from gateway.experience.owners import OWNERS

# What a suggestion is composed from is gone without when it takes longer.
SOURCE_SECONDS: Final = 1.5
_PER_CALL: Final = 20

_EXISTING: Final = "query Existing($representations: [_Any!]!) { _entities(representations: $representations) { %s } }"
_SUGGESTION: Final = "... on Suggestion { reason item { __typename ... on Product { id } ... on Event { id } } }"
_SUGGESTED: Final = "id reason item { __typename ... on Product { id } ... on Event { id } }"
_SETTING: Final = """query ReservationSettings($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Reservation { id session { id event { id kind } venue { id } } } } }"""


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer is the same wherever in a request it is asked. `where` is a filter's venue."""

    service: str
    document: str
    venue: str | None = None


class Loaders:
    """One set per request, so that what is cached is this customer's.

    A request may ask for one thing in a hundred places: whatever resolvers ask for goes through here, is put together,
    and asked once.
    """

    def __init__(self, context: Context) -> None:
        self.answers: DataLoader[Question, Any] = DataLoader(partial(_load_answers, context))
        # By the encoded input, which says all that a suggestion depends on.
        self.suggested: DataLoader[bytes, Any] = DataLoader(partial(_load_suggested, context), max_batch_size=_PER_CALL)
        self.entities: DataLoader[str, Any] = DataLoader(partial(_load_entities, context))
        self.payments: DataLoader[UUID, Any] = DataLoader(partial(_load_payments, context), max_batch_size=_PER_CALL)
        self.settings: DataLoader[str, Any] = DataLoader(partial(_load_settings, context))


async def _load_entities(context: Context, ids: Sequence[str]) -> list[Any]:
    """For each global id what its owner knows of it, None when there is no such thing, or the fault of its owner."""
    from gateway.experience.ids import split

    by_owner: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for global_id in ids:
        found = split(global_id)
        if found is not None and found[0] in OWNERS:
            by_owner[OWNERS[found[0]]].append((found[0], global_id))
    answers = await asyncio.gather(
        *(_ask_owner(context, owner, wanted) for owner, wanted in by_owner.items()), return_exceptions=True
    )
    known: dict[str, Any] = {}
    for wanted, answer in zip(by_owner.values(), answers, strict=True):
        for index, (_, global_id) in enumerate(wanted):
            known[global_id] = answer if isinstance(answer, BaseException) else answer[index]
    return [known.get(global_id) for global_id in ids]


async def _ask_owner(context: Context, owner: str, wanted: list[tuple[str, str]]) -> list[Any]:
    representations = [{"__typename": typename, "id": global_id} for typename, global_id in wanted]
    selection = f"__typename {_SUGGESTION}" if owner == "suggestions" else "__typename"
    answer = await context.adapters.services.of(owner).ask(
        context, _EXISTING % selection, {"representations": representations}
    )
    entities: list[Any] = answer["_entities"]
    return entities


async def _load_payments(context: Context, reservation_ids: Sequence[UUID]) -> list[Any]:
    """For each reservation this customer's payments for it, as [{id, status, createdAt}]."""
    parameters = ", ".join(f"$r{index}: String!" for index in range(len(reservation_ids)))
    fields = " ".join(
        f"r{index}: paymentsByReference(reference: $r{index}) {{ id status createdAt }}"
        for index in range(len(reservation_ids))
    )
    variables = {f"r{index}": f"reservation:{one}" for index, one in enumerate(reservation_ids)}
    answer = await context.adapters.services.payments.ask(
        context, f"query Payments({parameters}) {{ {fields} }}", variables
    )
    return [answer[f"r{index}"] for index in range(len(reservation_ids))]


async def _load_settings(context: Context, ids: Sequence[str]) -> list[Any]:
    """For each reservation (global id) of this customer its session, event and venue; None for any other."""
    representations = [{"__typename": "Reservation", "id": one} for one in ids]
    try:
        answer = await context.adapters.services.ticketing.ask(
            context, _SETTING, {"representations": representations}, within=SOURCE_SECONDS
        )
    except SourceRefused:
        return [None for _ in ids]
    entities: list[Any] = answer["_entities"]
    return entities


async def _load_answers(context: Context, questions: Sequence[Question]) -> list[Any]:
    """For each question the answer's data, or the fault of whom it was asked of."""
    asked = (_ask_one(context, question) for question in questions)
    answers: list[Any] = await asyncio.gather(*asked, return_exceptions=True)
    return answers


async def _ask_one(context: Context, question: Question) -> dict[str, Any]:
    variables = {"where": {"venueId": question.venue}} if question.venue is not None else {}
    service = context.adapters.services.of(question.service)
    return await service.ask(context, question.document, variables, within=SOURCE_SECONDS)


async def _load_suggested(context: Context, inputs: Sequence[bytes]) -> list[Any]:
    """For each encoded SuggestInput what is suggested."""
    parameters = ", ".join(f"$input{index}: SuggestInput!" for index in range(len(inputs)))
    fields = " ".join(f"s{index}: suggest(input: $input{index}) {{ {_SUGGESTED} }}" for index in range(len(inputs)))
    variables = {f"input{index}": msgspec.Raw(one) for index, one in enumerate(inputs)}
    answer = await context.adapters.services.suggestions.ask(
        context, f"query Suggest({parameters}) {{ {fields} }}", variables
    )
    return [answer[f"s{index}"] for index in range(len(inputs))]
