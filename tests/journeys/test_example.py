"""The script of the documentation buys a ticket on the running platform."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "buy.py"


def test_the_documented_script_buys_a_ticket(running: Any) -> None:
    bought = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(running.status),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert bought.returncode == 0, bought.stderr
    pix, ticket = bought.stdout.splitlines()
    assert pix.startswith("Pix: 000201")
    assert ticket.startswith("Ticket: ")
