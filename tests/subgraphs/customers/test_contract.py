"""What other rooms rely on: the SDL, the events' schema, the migrations, the demo customers."""

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from subgraphs.chassis.demo import demo_id
from subgraphs.chassis.event_schema import event_schema, event_schema_path
from subgraphs.chassis.migrations import drift, upgrade
from subgraphs.chassis.sdl import sdl, sdl_path
from subgraphs.customers.demo import DemoSettings, seed
from subgraphs.customers.tokens import AccessTokens
from tests.subgraphs.customers.conftest import Service, codes, key_of


def test_the_committed_sdl_is_what_the_code_says() -> None:
    assert sdl_path("customers").read_text(encoding="utf-8") == sdl("customers")


def test_the_committed_event_schema_is_what_the_code_says() -> None:
    assert event_schema_path("customers").read_text(encoding="utf-8") == event_schema("customers")


async def test_the_migrations_make_the_declared_tables(fresh_database: Callable[[str], str]) -> None:
    url = fresh_database("customers")
    assert await drift("customers", url) == []
    await upgrade("customers", url)  # again: nothing to do


# Other services' demo data and the front doors name these two.
async def test_the_demo_customers_can_sign_in_and_are_told_of_once(
    service: Service, settings: dict[str, Any], published: Callable[[], Awaitable[list[dict[str, Any]]]]
) -> None:
    await seed(DemoSettings(**settings, demo_password="primeira senha 1"))
    await seed(DemoSettings(**settings, demo_password="segunda senha 2"))

    for slug, scope in (("ana", "customer"), ("olivia", "customer gate operator")):
        email = f"{slug}@bilhetagem.example"
        signed_in = await service.sign_in(email, "segunda senha 2")
        assert signed_in["errors"] == []
        assert key_of(signed_in) == demo_id("customer", slug)
        claims = jwt.decode(signed_in["accessToken"], options={"verify_signature": False})
        assert claims["scope"] == scope
        assert codes(await service.sign_in(email, "primeira senha 1")) == [("INVALID_CREDENTIALS", None)]
    events = await published()
    assert [(event["type"], event["subject"]) for event in events] == [
        ("customer.registered", str(demo_id("customer", "ana"))),
        ("customer.registered", str(demo_id("customer", "olivia"))),
    ]


async def test_the_demo_refuses_a_password_that_the_service_would_refuse(settings: dict[str, Any], db: object) -> None:
    with pytest.raises(ValueError, match="WEAK_PASSWORD"):
        await seed(DemoSettings(**settings, demo_password="12345678"))


def test_only_an_ed25519_key_signs_access_tokens() -> None:
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="Ed25519"):
        AccessTokens(pem, issuer="i", audience="a")
