"""Secrets of a home: private files, stable over restarts, different in every home."""

import json
import stat
from pathlib import Path

import jwt
import pytest
from jwt import PyJWKSet

from infra.local.identity import CALLERS, load_or_create


def test_every_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    files = list(tmp_path.iterdir())
    assert len(files) == len(CALLERS) + 9
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_home_keeps_its_secrets_and_shares_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, again, other = (load_or_create(tmp_path / name) for name in ("a", "a", "b"))
    assert first == again
    assert first.database_password != other.database_password
    assert first.access_token_signing_key != other.access_token_signing_key


def test_a_file_that_a_crash_left_empty_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "ticket.pem").touch()
    assert "PRIVATE KEY" in load_or_create(tmp_path).ticket_signing_key


@pytest.mark.parametrize("caller", CALLERS)
def test_the_published_keys_verify_what_a_caller_signs(tmp_path: Path, caller: str) -> None:
    identity = load_or_create(tmp_path)
    token = jwt.encode({"iss": caller}, identity.service_token_keys[caller], algorithm="EdDSA", headers={"kid": caller})
    keys = PyJWKSet.from_json(identity.service_token_jwks)
    assert jwt.decode(token, keys[caller], algorithms=["EdDSA"]) == {"iss": caller}


def test_the_published_keys_hold_nothing_private(tmp_path: Path) -> None:
    for key in json.loads(load_or_create(tmp_path).service_token_jwks)["keys"]:
        assert "d" not in key
