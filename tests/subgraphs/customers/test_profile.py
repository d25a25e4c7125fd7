"""A customer's own data: seen by nobody else, changed only by themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from subgraphs.chassis.graphql import global_id
from tests.subgraphs.customers.conftest import Service, codes, key_of

Published = Callable[[], Awaitable[list[dict[str, Any]]]]

ENTITY = """query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on Customer { id name email consents { purpose granted } } } }"""
PROFILE = """query ($id: ID!) { customerProfile(customerId: $id) {
    customerId name email cpf birthDate locale } }"""
UPDATE = """mutation ($input: UpdatePreferencesInput!) { updatePreferences(input: $input) {
    customer { id preferences { locale emailEnabled smsEnabled } } errors { code field } } }"""
CONSENT = """mutation ($purpose: ConsentPurpose!, $granted: Boolean!) {
    recordConsent(input: {purpose: $purpose, granted: $granted}) {
        customer { consents { purpose granted } } errors { code field } } }"""


def representation(key: UUID) -> dict[str, Any]:
    return {"r": [{"__typename": "Customer", "id": global_id.encode("Customer", key)}]}


async def test_me_is_the_customer_of_the_token(service: Service) -> None:
    ana, _bia = await service.sign_up(name="Ana"), await service.sign_up(name="Bia")
    document = "{ me { id name cpf } }"
    assert (await service(document, customer=key_of(ana)))["data"]["me"] == {
        name: ana["customer"][name] for name in ("id", "name", "cpf")
    }
    assert (await service(document))["data"]["me"] is None
    assert (await service(document, customer=uuid4()))["data"]["me"] is None


async def test_the_entity_is_there_for_the_customer_of_the_token_alone(service: Service) -> None:
    ana, bia = await service.sign_up(name="Ana"), await service.sign_up(name="Bia")
    own = await service(ENTITY, representation(key_of(ana)), customer=key_of(ana))
    assert own["data"]["_entities"][0]["name"] == "Ana"
    foreign = await service(ENTITY, representation(key_of(bia)), customer=key_of(ana))
    missing = await service(ENTITY, representation(uuid4()), customer=key_of(ana))
    anonymous = await service(ENTITY, representation(key_of(ana)))
    worker = await service(ENTITY, representation(key_of(ana)), caller="workers")
    assert foreign == missing == anonymous == worker == {"data": {"_entities": [None]}}


async def test_workers_learn_birth_dates_and_nothing_else(service: Service) -> None:
    """Unknown customers are left out; the gateway, and too many at once, are refused."""
    ana, bia = key_of(await service.sign_up()), key_of(await service.sign_up(birthDate="2010-01-31"))
    document = "query ($ids: [ID!]!) { birthDates(customerIds: $ids) { customerId birthDate } }"
    answer = await service(document, {"ids": [str(ana), str(bia), str(ana), str(uuid4())]}, caller="workers")
    assert sorted(answer["data"]["birthDates"], key=lambda one: str(one["birthDate"])) == [
        {"customerId": str(ana), "birthDate": "1990-05-17"},
        {"customerId": str(bia), "birthDate": "2010-01-31"},
    ]
    for ids, caller, code in (
        ([str(ana)], "gateway", "FORBIDDEN"),
        ([str(ana)] * 101, "workers", "BAD_USER_INPUT"),
        (["x"], "workers", "BAD_USER_INPUT"),
    ):
        answer = await service(document, {"ids": ids}, caller=caller, customer=ana)
        assert answer["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("id_", ["", "garbage", global_id.encode("Event", UUID(int=1))])
async def test_an_id_of_something_else_is_no_customer(service: Service, id_: str) -> None:
    ana = key_of(await service.sign_up())
    answer = await service(ENTITY, {"r": [{"__typename": "Customer", "id": id_}]}, customer=ana)
    assert answer == {"data": {"_entities": [None]}}


async def test_the_gateway_learns_the_profile_of_the_customer_it_speaks_for(service: Service) -> None:
    ana = await service.sign_up(email="ana@example.com", cpf="52998224725", locale="EN")
    profile = {
        "customerId": str(key_of(ana)),
        "name": "Ana Souza",
        "email": "ana@example.com",
        "cpf": "52998224725",
        "birthDate": "1990-05-17",
        "locale": "en",
    }
    variables = {"id": str(key_of(ana))}
    assert (await service(PROFILE, variables, customer=key_of(ana)))["data"]["customerProfile"] == profile
    assert (await service(PROFILE, variables, caller="workers"))["data"]["customerProfile"] == profile
    assert (await service(PROFILE, variables, customer=uuid4()))["data"]["customerProfile"] is None
    assert (await service(PROFILE, variables))["data"]["customerProfile"] is None
    assert (await service(PROFILE, {"id": "garbage"}, caller="workers"))["data"]["customerProfile"] is None


async def test_the_profile_is_for_our_own_services_only(service: Service) -> None:
    ana = key_of(await service.sign_up())
    answer = await service(PROFILE, {"id": str(ana)}, caller="stranger", customer=ana)
    assert answer["data"] == {"customerProfile": None}
    assert len(answer["errors"]) == 1


async def test_preferences_change_one_by_one_and_are_told(service: Service, published: Published) -> None:
    ana = key_of(await service.sign_up(phone="11987654321"))
    for change, expected in (
        ({"smsEnabled": True}, {"locale": "PT_BR", "emailEnabled": True, "smsEnabled": True}),
        ({"locale": "EN", "emailEnabled": False}, {"locale": "EN", "emailEnabled": False, "smsEnabled": True}),
    ):
        answer = (await service(UPDATE, {"input": change}, customer=ana))["data"]["updatePreferences"]
        assert answer["errors"] == []
        assert answer["customer"]["preferences"] == expected
    _registered, _first, event = await published()
    assert (event["type"], event["subject"]) == ("customer.updated", str(ana))
    told = {name: event["data"][name] for name in ("customer_id", "locale", "email_enabled", "sms_enabled")}
    assert told == {"customer_id": str(ana), "locale": "en", "email_enabled": False, "sms_enabled": True}


async def test_what_changes_nothing_is_not_told(service: Service, published: Published) -> None:
    ana = key_of(await service.sign_up())
    for change in ({}, {"locale": "PT_BR", "emailEnabled": True}):
        answer = (await service(UPDATE, {"input": change}, customer=ana))["data"]["updatePreferences"]
        assert answer["errors"] == []
    assert len(await published()) == 1


async def test_sms_needs_a_telephone_number(service: Service, published: Published) -> None:
    ana = key_of(await service.sign_up())
    answer = (await service(UPDATE, {"input": {"smsEnabled": True}}, customer=ana))["data"]["updatePreferences"]
    assert codes(answer) == [("INVALID_INPUT", "smsEnabled")]
    assert answer["customer"] is None
    assert len(await published()) == 1


# Read, merge and write under the row's lock: the last event tells what is stored.
async def test_changes_made_at_once_do_not_undo_each_other(service: Service, published: Published) -> None:
    ana = key_of(await service.sign_up(phone="11987654321"))
    changes = ({"locale": "EN"}, {"emailEnabled": False}, {"smsEnabled": True})
    await asyncio.gather(*(service(UPDATE, {"input": change}, customer=ana) for change in changes))
    me = (await service("{ me { preferences { locale emailEnabled smsEnabled } } }", customer=ana))["data"]["me"]
    assert me["preferences"] == {"locale": "EN", "emailEnabled": False, "smsEnabled": True}
    last = max(await published(), key=lambda event: str(event["occurred_at"]))
    assert (last["data"]["locale"], last["data"]["email_enabled"], last["data"]["sms_enabled"]) == ("en", False, True)


async def test_consent_is_given_and_withdrawn_and_every_decision_is_kept(
    service: Service, published: Published, count: Callable[[str], Awaitable[int]]
) -> None:
    ana = key_of(await service.sign_up())
    decisions = (("MARKETING", True), ("PERSONALISATION", True), ("MARKETING", False), ("MARKETING", False))
    for purpose, granted in decisions:
        answer = await service(CONSENT, {"purpose": purpose, "granted": granted}, customer=ana)
        assert answer["data"]["recordConsent"]["errors"] == []
    assert answer["data"]["recordConsent"]["customer"]["consents"] == [
        {"purpose": "MARKETING", "granted": False},
        {"purpose": "PERSONALISATION", "granted": True},
    ]
    assert await count("consents") == 3  # saying again what holds is no decision
    told = [event["data"] for event in await published() if event["type"] == "customer.consent_recorded"]
    assert told == [
        {"customer_id": str(ana), "purpose": "MARKETING", "granted": True},
        {"customer_id": str(ana), "purpose": "PERSONALISATION", "granted": True},
        {"customer_id": str(ana), "purpose": "MARKETING", "granted": False},
    ]


async def test_two_decisions_in_one_request_each_answer_with_what_holds_then(service: Service) -> None:
    ana = key_of(await service.sign_up())
    part = "recordConsent(input: {purpose: MARKETING, granted: %s}) { customer { consents { granted } } }"
    answer = await service(f"mutation {{ a: {part % 'true'} b: {part % 'false'} }}", customer=ana)
    consents = [answer["data"][alias]["customer"]["consents"] for alias in "ab"]
    assert consents == [[{"granted": True}], [{"granted": False}]]


@pytest.mark.parametrize("customer", [None, UUID(int=7)])
async def test_without_a_customer_nothing_changes(
    service: Service, published: Published, customer: UUID | None
) -> None:
    updated = await service(UPDATE, {"input": {"locale": "EN"}}, customer=customer)
    consented = await service(CONSENT, {"purpose": "MARKETING", "granted": True}, customer=customer)
    for payload in (updated["data"]["updatePreferences"], consented["data"]["recordConsent"]):
        assert payload["customer"] is None
        assert codes(payload) == [("UNAUTHENTICATED", None)]
    assert await published() == []


async def test_nobodys_consents_are_shown_to_somebody_else(service: Service) -> None:
    ana, bia = await service.sign_up(), await service.sign_up()
    await service(CONSENT, {"purpose": "MARKETING", "granted": True}, customer=key_of(ana))
    answer = await service("{ me { consents { purpose } } }", customer=key_of(bia))
    assert answer["data"]["me"]["consents"] == []
