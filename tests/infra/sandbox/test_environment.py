"""Payments and the sandbox are handed what they read, and each other's addresses and secrets."""

import os
import stat
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.identity import load_or_create
from infra.local.sandbox.settings import Settings as SandboxSettings
from infra.local.sandbox.store import Store
from infra.local.services import Ports, Surroundings
from subgraphs.payments.settings import Settings as PaymentsSettings


@pytest.fixture
def enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`enter("payments")` makes the environment what that process is handed, and nothing else."""
    surroundings = Surroundings(
        Ports.from_base(20_000), load_or_create(tmp_path), tmp_path, defaultdict(lambda: "arn:of:something")
    )

    def become(service: str) -> None:
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in surroundings.services()[service].environment.items():
            monkeypatch.setenv(name, value)

    return become


def test_payments_and_the_sandbox_know_each_other(enter: Callable[[str], None], tmp_path: Path) -> None:
    enter("payments")
    payments = PaymentsSettings()
    enter("sandbox")
    sandbox = SandboxSettings()
    # The bank and the card company listen at the sandbox's root: /oauth/token, /v2/cob, /v1/payment_intents.
    assert payments.pix_base_url == payments.stripe_api_base == "http://127.0.0.1:20007"
    assert sandbox.pix_webhook_url == "http://127.0.0.1:20002/webhooks/pix"
    assert sandbox.stripe_webhook_url == "http://127.0.0.1:20002/webhooks/stripe"
    for name in (
        "pix_client_id",
        "pix_client_secret",
        "pix_webhook_secret",
        "stripe_api_key",
        "stripe_webhook_secret",
    ):
        assert getattr(payments, name) == getattr(sandbox, name), name
    assert sandbox.sandbox_data == tmp_path / "sandbox"


def test_the_sandboxs_books_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Whatever the mask of the process: a folder, and SQLite's three files."""
    previous = os.umask(0)
    try:
        store = Store(tmp_path / "sandbox")
        store.put("cob", "one", {})
    finally:
        os.umask(previous)
    kept = [tmp_path / "sandbox", *(tmp_path / "sandbox").iterdir()]
    assert len(kept) == 4
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    store.close()
