"""CPFs are sealed at rest, and only with a key that outlives the signing key."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from subgraphs.chassis.database import Database
from subgraphs.customers.app import create_app
from subgraphs.customers.cpf_vault import CpfVault, cpf_vault
from subgraphs.customers.settings import Settings
from tests.subgraphs.customers.conftest import Service

CPFS = st.from_regex(r"[0-9]{11}", fullmatch=True)
KEY = base64.b64encode(bytes(range(32))).decode()


@given(CPFS, CPFS)
def test_a_sealed_cpf_opens_to_itself_and_two_are_equal_only_when_sealed_from_one(first: str, second: str) -> None:
    vault = CpfVault(b"k" * 32)
    sealed = vault.seal(first)
    assert len(sealed) == 27
    assert first.encode() not in sealed
    assert vault.unseal(sealed) == first
    assert (vault.seal(second) == sealed) is (first == second)


@given(CPFS, st.integers(0, 26), st.integers(1, 255))
def test_what_somebody_changed_does_not_open(cpf: str, position: int, bits: int) -> None:
    vault = CpfVault(b"k" * 32)
    sealed = bytearray(vault.seal(cpf))
    sealed[position] ^= bits
    with pytest.raises(ValueError, match="does not open"):
        vault.unseal(bytes(sealed))


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(ValueError, match="does not open"):
        CpfVault(b"l" * 32).unseal(CpfVault(b"k" * 32).seal("52998224725"))


@pytest.mark.parametrize("key", ["not base64!", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_refused(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match="the secret for CPFs"):
        cpf_vault(Settings(**settings, cpf_key=key))


# Else changing the signing key, as has to be done now and then, would lose every CPF.
def test_production_needs_a_key_of_its_own(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CPF_KEY", raising=False)
    with pytest.raises(ValidationError, match="CPF_KEY"):
        create_app(Settings(**settings, environment="production"))
    assert create_app(Settings(**settings, environment="production", cpf_key=KEY))


def test_with_a_key_of_its_own_the_signing_key_may_change(settings: dict[str, Any]) -> None:
    sealed = cpf_vault(Settings(**settings, cpf_key=KEY)).seal("52998224725")
    changed = {**settings, "access_token_signing_key": "another"}
    assert cpf_vault(Settings(**changed, cpf_key=KEY)).unseal(sealed) == "52998224725"


async def test_no_table_shows_a_cpf(
    service: Service, db: Database, published: Callable[[], Awaitable[list[dict[str, Any]]]]
) -> None:
    await service.sign_up(cpf="529.982.247-25")
    async with db.connect() as connection:
        row = (await connection.exec_driver_sql("SELECT c.*, c::text AS everything FROM customers c")).one()
    assert len(row.sealed_cpf) == 27
    assert b"52998224725" not in row.sealed_cpf
    assert "52998224725" not in row.everything
    assert "52998224725" not in str(await published())
