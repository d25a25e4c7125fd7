"""Registering: what is taken, what is refused, what the others are told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from subgraphs.chassis.database import Database
from subgraphs.chassis.events import decode, read_data
from subgraphs.customers.events import CustomerContact
from tests.subgraphs.customers.conftest import PASSWORD, Service, codes, key_of

Published = Callable[[], Awaitable[list[dict[str, Any]]]]


async def test_whoever_registers_is_signed_in_and_sees_themselves_without_a_token(service: Service) -> None:
    payload = await service.sign_up(
        name=" Ana   Souza ", email="Ana@Example.COM", cpf="529.982.247-25", phone="(11) 98765-4321", locale="EN"
    )
    assert payload["errors"] == []
    assert payload["expiresIn"] == 15 * 60
    assert payload["customer"] | {"id": "", "createdAt": ""} == {
        "id": "",
        "name": "Ana Souza",
        "email": "Ana@example.com",
        "birthDate": "1990-05-17",
        "cpf": "***.982.247-**",
        "phone": "+5511987654321",
        "createdAt": "",
        "consents": [],
        "preferences": {"locale": "EN", "emailEnabled": True, "smsEnabled": False},
    }


async def test_a_registration_is_told_once_in_the_contracted_shape(service: Service, published: Published) -> None:
    payload = await service.sign_up(phone="11987654321", locale="PT_BR")
    (event,) = await published()
    assert (event["type"], event["source"]) == ("customer.registered", "customers")
    assert event["subject"] == str(key_of(payload))
    assert event["data"] == {
        "customer_id": str(key_of(payload)),
        "name": "Ana Souza",
        "email": payload["customer"]["email"],
        "phone": "+5511987654321",
        "locale": "pt-BR",
        "email_enabled": True,
        "sms_enabled": False,
    }
    assert read_data(decode(json.dumps(event)), CustomerContact).customer_id == key_of(payload)


async def test_an_address_is_taken_whatever_its_case(service: Service, published: Published) -> None:
    await service.sign_up(email="ana@example.com")
    refused = await service.sign_up(email="ANA@Example.com")
    assert codes(refused) == [("EMAIL_TAKEN", "email")]
    assert (refused["accessToken"], refused["refreshToken"], refused["customer"]) == (None, None, None)
    assert len(await published()) == 1


async def test_a_cpf_is_taken_however_it_is_written(service: Service, count: Callable[[str], Awaitable[int]]) -> None:
    await service.sign_up(cpf="529.982.247-25")
    assert codes(await service.sign_up(cpf="52998224725")) == [("CPF_TAKEN", "cpf")]
    assert await count("customers") == 1
    assert await count("sessions") == 1


# The unique constraints decide, not a look beforehand.
async def test_of_many_at_once_with_one_address_one_is_registered(service: Service, published: Published) -> None:
    payloads = await asyncio.gather(*(service.sign_up(email="ana@example.com") for _ in range(5)))
    assert sorted(codes(payload) for payload in payloads) == [[]] + [[("EMAIL_TAKEN", "email")]] * 4
    assert len(await published()) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": " "}, ("INVALID_INPUT", "name")),
        ({"name": "Ana\x00"}, ("INVALID_INPUT", "name")),
        ({"name": "Ana \ud800"}, ("INVALID_INPUT", "name")),
        ({"email": "not an address"}, ("INVALID_INPUT", "email")),
        ({"email": "a\ud800@example.com"}, ("INVALID_INPUT", "email")),
        ({"password": "1234567"}, ("WEAK_PASSWORD", "password")),
        ({"password": "x1y2" * 40}, ("WEAK_PASSWORD", "password")),
        ({"birthDate": "2999-01-01"}, ("INVALID_INPUT", "birthDate")),
        ({"birthDate": "1899-12-31"}, ("INVALID_INPUT", "birthDate")),
        ({"cpf": "111.111.111-11"}, ("INVALID_INPUT", "cpf")),
        ({"cpf": "52998224724"}, ("INVALID_INPUT", "cpf")),
        ({"phone": "123"}, ("INVALID_INPUT", "phone")),
    ],
)
async def test_a_wrong_value_is_refused_by_field_and_nothing_is_stored(
    service: Service, count: Callable[[str], Awaitable[int]], changes: dict[str, str], expected: tuple[str, str]
) -> None:
    payload = await service.sign_up(**changes)
    assert codes(payload) == [expected]
    assert payload["accessToken"] is None
    assert (await count("customers"), await count("outbox")) == (0, 0)


async def test_refusals_are_said_in_the_language_of_the_request(service: Service) -> None:
    texts = [(await service.sign_up(cpf="1", language=tag))["errors"][0]["message"] for tag in ("pt-BR", "en-GB")]
    assert texts == ["Valor inválido.", "Invalid value."]


# JSON can carry half of a surrogate pair; keyboards write accents in two ways.
async def test_any_text_works_as_a_password_in_either_spelling_of_its_accents(service: Service) -> None:
    await service.sign_up(email="a@example.com", password="caf\u00e9 da manh\u00e3")
    assert (await service.sign_in("a@example.com", "cafe\u0301 da manha\u0303"))["errors"] == []
    await service.sign_up(email="b@example.com", password="half \ud83d a pair")
    assert (await service.sign_in("b@example.com", "half \ud83d a pair"))["errors"] == []


async def test_neither_the_log_nor_the_tables_show_what_is_secret(
    service: Service, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = await service.sign_up(email="ana@example.com", cpf="52998224725", phone="11987654321")
    for _ in range(7):
        await service.sign_in("ana@example.com", "a wrong password")
    await service.refresh(payload["refreshToken"])
    await service.refresh(payload["refreshToken"])
    logged = "".join(capsys.readouterr())
    assert "sign_in_throttled" in logged
    assert "refresh_token_reused" in logged
    private = ("52998224725", "982.247", "ana@example.com", "987654321", "Souza", PASSWORD, "a wrong password")
    assert [text for text in (*private, payload["refreshToken"], payload["accessToken"]) if text in logged] == []

    async with db.connect() as connection:
        stored = ""
        for table in ("customers", "sessions", "refresh_tokens", "sign_in_attempts", "outbox"):
            rows = await connection.exec_driver_sql(f"SELECT t::text FROM {table} t")
            stored += "".join(row[0] for row in rows)
    assert "$argon2id$" in stored
    assert PASSWORD not in stored
    assert payload["refreshToken"] not in stored
