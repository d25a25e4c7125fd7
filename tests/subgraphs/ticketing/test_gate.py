"""At the gate: who gets in, once, where and when; and which of the reasons keeps somebody out."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from subgraphs.chassis.database import Database
from subgraphs.chassis.graphql import global_id
from subgraphs.ticketing.domain.gate import MAX_WRONG_CODES
from subgraphs.ticketing.domain.ticket_code import ALPHABET, new_ticket_code, parse_ticket_code
from subgraphs.ticketing.tables import events, sessions, tickets, wrong_codes
from tests.subgraphs.ticketing.conftest import FEE, PRICE, SESSION, Service, add_event

TOTAL = PRICE + FEE
GATE_USER = UUID(int=77)
CHECK_IN = """mutation ($input: CheckInTicketInput!) { checkInTicket(input: $input) {
    ticket { id status } entryRule { ageRating minimumAge aloneFrom accompaniedFrom message }
    errors { __typename code field message
        ... on CheckInRefused { reason opensAt checkedInAt checkedInGate session { id event { name } } } } } }"""
_UNPAID = "status = 'CANCELLED', payment_id = NULL"
CheckIn = Callable[..., Awaitable[dict[str, Any]]]


async def begins(db: Database, **ahead: float) -> datetime:
    """The session begins so long from now."""
    starts_at = datetime.now(UTC) + timedelta(**ahead)
    async with db.transaction() as connection:
        await connection.execute(sessions.update().where(sessions.c.id == SESSION).values(starts_at=starts_at))
    return starts_at


async def bought(service: Service, customer: UUID | None = None) -> dict[str, Any]:
    """A ticket as ticketing issues it: id, code and QR."""
    owner = customer or uuid4()
    reservation = await service.held(owner)
    [ticket] = (await service.confirm(reservation, owner, TOTAL))["order"]["tickets"]
    return {**ticket, "reservation": reservation, "owner": owner}


@pytest.fixture
def check_in(service: Service) -> CheckIn:
    """`await check_in(code="…")`: the payload, at gate B of the session, by somebody who may."""

    async def ask(customer: UUID | None = GATE_USER, scope: str = "gate", language: str = "pt-BR", **given: Any) -> Any:
        wanted = {"sessionId": global_id.encode("Session", SESSION), "gate": "Portão B", **given}
        answer = await service.data(CHECK_IN, {"input": wanted}, customer=customer, scope=scope, language=language)
        return answer["checkInTicket"]

    return ask


def reasons(payload: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    assert payload["ticket"] is None
    assert payload["entryRule"] is None
    return [(error["code"], error["field"], error.get("reason")) for error in payload["errors"]]


@pytest.mark.parametrize("by", ["qrPayload", "code"])
async def test_a_ticket_gets_in_once_and_the_second_time_says_when_and_where(
    service: Service, db: Database, check_in: CheckIn, by: str
) -> None:
    ticket = await bought(service)
    shown = {by: ticket["qrPayload" if by == "qrPayload" else "code"]}
    await begins(db, hours=1)
    first = await check_in(**shown)
    assert first["errors"] == []
    assert first["ticket"] == {"id": global_id.encode("Ticket", UUID(ticket["id"])), "status": "CHECKED_IN"}
    again = await check_in(**shown, gate="  Portão   C ")
    assert reasons(again) == [("INVALID_STATE", by, "ALREADY_CHECKED_IN")]
    [error] = again["errors"]
    assert error["checkedInGate"] == "Portão B"
    at = datetime.fromisoformat(error["checkedInAt"])
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    assert (error["opensAt"], error["session"]) == (None, None)
    refused = await service.cancel(ticket["reservation"], ticket["owner"])
    assert [error["code"] for error in refused["errors"]] == ["INVALID_STATE"]


async def test_of_a_hundred_scans_at_once_one_gets_in(service: Service, db: Database, check_in: CheckIn) -> None:
    """And each of the others is told when and where."""
    ticket = await bought(service)
    await begins(db, hours=1)
    shown = ({"qrPayload": ticket["qrPayload"]}, {"code": ticket["code"]})
    payloads = await asyncio.gather(*(check_in(**shown[n % 2], gate=f"G{n}") for n in range(100)))
    [admitted] = [n for n, payload in enumerate(payloads) if payload["ticket"] is not None]
    others = [payload["errors"][0] for n, payload in enumerate(payloads) if n != admitted]
    assert {error["reason"] for error in others} == {"ALREADY_CHECKED_IN"}
    assert {error["checkedInGate"] for error in others} == {f"G{admitted}"}


async def test_a_scan_that_is_given_up_leaves_the_ticket_as_it_was_or_in(service: Service, db: Database) -> None:
    """Callers who leave at any moment: afterwards every ticket gets in once, and every connection is back."""
    ticket = await bought(service)
    await begins(db, hours=1)
    wanted = {"sessionId": global_id.encode("Session", SESSION), "gate": "B", "code": ticket["code"]}
    chance = random.Random(16)

    async def leave() -> None:
        async with asyncio.timeout(chance.random() * 0.01):
            await service(CHECK_IN, {"input": wanted}, customer=GATE_USER, scope="gate")

    await asyncio.gather(*(leave() for _ in range(100)), return_exceptions=True)
    answer = await service.data(CHECK_IN, {"input": wanted}, customer=GATE_USER, scope="gate")
    told = answer["checkInTicket"]
    assert told["ticket"] is not None or told["errors"][0]["reason"] == "ALREADY_CHECKED_IN"
    async with db.connect() as connection:
        states = (await connection.execute(sa.select(tickets.c.status, tickets.c.checked_in_gate))).all()
    assert [tuple(row) for row in states] == [("CHECKED_IN", "B")]


async def test_gates_open_three_hours_before_and_close_twelve_after(
    service: Service, db: Database, check_in: CheckIn
) -> None:
    early, late, on_time = await bought(service), await bought(service), await bought(service)
    starts_at = await begins(db, hours=3, minutes=1)
    refused = await check_in(code=early["code"])
    assert reasons(refused) == [("INVALID_STATE", "code", "TOO_EARLY")]
    assert datetime.fromisoformat(refused["errors"][0]["opensAt"]) == starts_at - timedelta(hours=3)
    await begins(db, hours=2, minutes=59)
    assert (await check_in(code=early["code"]))["errors"] == []
    await begins(db, hours=-11, minutes=-59)
    assert (await check_in(qrPayload=on_time["qrPayload"]))["errors"] == []
    await begins(db, hours=-12, seconds=-1)
    assert reasons(await check_in(code=late["code"])) == [("INVALID_STATE", "code", "SESSION_OVER")]


async def test_another_sessions_ticket_is_told_which_it_is_for(
    service: Service, db: Database, check_in: CheckIn
) -> None:
    ticket, elsewhere = await bought(service), uuid4()
    await begins(db, hours=1)
    async with db.transaction() as connection:
        await add_event(connection, uuid4(), elsewhere, "Outro jogo", days=0.05)
    refused = await check_in(qrPayload=ticket["qrPayload"], sessionId=global_id.encode("Session", elsewhere))
    assert reasons(refused) == [("INVALID_STATE", "sessionId", "WRONG_SESSION")]
    assert refused["errors"][0]["session"] == {
        "id": global_id.encode("Session", SESSION),
        "event": {"name": "Palmeiras × Santos"},
    }
    assert reasons(await check_in(code=ticket["code"], sessionId="x")) == [("NOT_FOUND", "sessionId", None)]
    assert (await check_in(code=ticket["code"]))["errors"] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE sessions SET status = 'CANCELLED'", "SESSION_CANCELLED"),
        ("UPDATE tickets SET status = 'CANCELLED'", "REFUNDED"),
        ("UPDATE tickets SET status = 'REVOKED'", "REVOKED"),
        ("UPDATE tickets SET status = 'TRANSFERRED'", "REVOKED"),
        ("UPDATE tickets SET secret = '0123456789abcdef'", "NOT_FOUND"),
        (f"WITH r AS (UPDATE reservations SET {_UNPAID}) UPDATE tickets SET status = 'CANCELLED'", "CANCELLED"),
    ],
)
async def test_what_is_no_longer_valid_says_why(
    service: Service, db: Database, check_in: CheckIn, change: str, reason: str
) -> None:
    ticket = await bought(service)
    await begins(db, hours=1)
    async with db.transaction() as connection:
        await connection.execute(sa.text(change))
    code = "NOT_FOUND" if reason == "NOT_FOUND" else "INVALID_STATE"
    assert reasons(await check_in(qrPayload=ticket["qrPayload"])) == [(code, "qrPayload", reason)]


async def test_a_ticket_that_was_given_back_is_refunded(service: Service, db: Database, check_in: CheckIn) -> None:
    ticket = await bought(service)
    await service.cancel(ticket["reservation"], ticket["owner"])
    await begins(db, hours=1)
    for shown in ({"code": ticket["code"]}, {"qrPayload": ticket["qrPayload"]}):
        assert [reason for *_, reason in reasons(await check_in(**shown))] == ["REFUNDED"]


async def test_only_people_at_the_gate_and_only_what_is_complete(
    service: Service, db: Database, check_in: CheckIn
) -> None:
    """Nothing of what is refused lets anybody in."""
    ticket = await bought(service)
    await begins(db, hours=1)
    payload = ticket["qrPayload"]
    assert reasons(await check_in(customer=None, code=ticket["code"])) == [("UNAUTHENTICATED", None, None)]
    assert reasons(await check_in(scope="customer", code=ticket["code"])) == [("FORBIDDEN", None, None)]
    assert reasons(await check_in(scope="organiser", code=ticket["code"])) == [("FORBIDDEN", None, None)]
    for shown in ({}, {"code": ticket["code"], "qrPayload": payload}):
        assert reasons(await check_in(**shown)) == [("INVALID_INPUT", "qrPayload", None)]
    for gate in ("", " ", "x" * 41, "a\0b", "\u202eB"):
        assert reasons(await check_in(code=ticket["code"], gate=gate)) == [("INVALID_INPUT", "gate", None)]
    swapped = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    for forged in (swapped, payload[:-4], payload + "AA", "", "é" * 155, "x" * 10_000):
        assert reasons(await check_in(qrPayload=forged)) == [("INVALID_INPUT", "qrPayload", "FORGED")]
    for unknown in ("", "7K3QX", "7K3QX-9M2PU", "x" * 10_000, "é" * 10, new_ticket_code()):
        assert reasons(await check_in(code=unknown)) == [("NOT_FOUND", "code", "NOT_FOUND")]
    assert (await check_in(code=ticket["code"], scope="operator"))["errors"] == []


async def test_codes_cannot_be_guessed_at_a_gate(service: Service, db: Database, check_in: CheckIn) -> None:
    """After twenty wrong ones nobody's code is looked at for this user; QRs and other users go on; then it is over."""
    ticket, other = await bought(service), await bought(service)
    await begins(db, hours=1)
    wrong = [new_ticket_code() for _ in range(MAX_WRONG_CODES + 10)]
    told = await asyncio.gather(*(check_in(code=code) for code in wrong))
    counted = [error["reason"] for payload in told for error in payload["errors"]]
    assert counted.count("NOT_FOUND") == MAX_WRONG_CODES
    assert counted.count("TOO_MANY_WRONG_CODES") == 10
    assert reasons(await check_in(code=ticket["code"])) == [("TOO_MANY_ATTEMPTS", "code", "TOO_MANY_WRONG_CODES")]
    assert (await check_in(code=ticket["code"], customer=uuid4()))["errors"] == []
    assert (await check_in(qrPayload=other["qrPayload"]))["errors"] == []
    async with db.transaction() as connection:
        await connection.execute(wrong_codes.update().values(since=sa.func.now() - sa.text("interval '15 minutes'")))
    assert [reason for *_, reason in reasons(await check_in(code=ticket["code"]))] == ["ALREADY_CHECKED_IN"]
    assert [reason for *_, reason in reasons(await check_in(code=wrong[0]))] == ["NOT_FOUND"]
    async with db.connect() as connection:
        rows = (await connection.execute(sa.select(wrong_codes.c.attempts).order_by(wrong_codes.c.attempts))).scalars()
        assert list(rows) == [0, 1]


@pytest.mark.parametrize(
    ("rating", "minimum_age", "expected"),
    [
        ("L", None, ("L", None, 0, None, "")),
        ("A16", None, ("A16", None, 16, 0, "Menores de 16 anos entram acompanhados")),
        ("A18", None, ("A18", None, 18, 16, "De 16 a 17 anos entra-se acompanhado")),
        ("A12", 18, ("A12", 18, 18, None, "Menores de 18 anos não entram, nem acompanhados.")),
    ],
)
async def test_the_gate_is_told_the_age_rule(
    service: Service, db: Database, check_in: CheckIn, rating: str, minimum_age: int | None, expected: Any
) -> None:
    ticket = await bought(service)
    await begins(db, hours=1)
    async with db.transaction() as connection:
        await connection.execute(events.update().values(age_rating=rating))
        await connection.execute(sessions.update().values(minimum_age=minimum_age))
    rule = (await check_in(code=ticket["code"]))["entryRule"]
    said = rule.pop("message")
    assert tuple(rule.values()) == expected[:-1]
    assert said.startswith(expected[-1]) if expected[-1] else said == ""


async def test_reasons_are_said_in_the_readers_language(service: Service, db: Database, check_in: CheckIn) -> None:
    await begins(db, hours=1)
    said = [(await check_in(qrPayload="x", language=language))["errors"][0]["message"] for language in ("pt-BR", "en")]
    assert said == ["Este QR não é de um ingresso nosso.", "This QR is not one of our tickets."]


@given(st.text(ALPHABET, min_size=10, max_size=10), st.randoms())
def test_a_code_is_read_however_it_is_written(raw: str, chance: random.Random) -> None:
    """Case, blanks, dashes, and letters that look like a nought or a one."""
    written = ""
    for letter in raw:
        letter = {"0": chance.choice("0Oo"), "1": chance.choice("1IiLl")}.get(letter, letter)
        written += chance.choice((letter, letter.lower())) + chance.choice(("", "", " ", "-", "–", "\u00a0"))
    assert parse_ticket_code(written) == f"{raw[:5]}-{raw[5:]}"


@given(st.text(max_size=60))
def test_what_is_read_as_a_code_is_one(text: str) -> None:
    code = parse_ticket_code(text)
    assert code is None or (len(code) == 11 and set(code) <= {*ALPHABET, "-"})
