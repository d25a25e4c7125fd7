"""The committed template: what is reviewed, deployed to AWS and run in the emulated AWS."""

import json
from typing import Any

import pytest

from infra.app import TEMPLATE

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> Resources:
    """By logical id."""
    found: Resources = template["Resources"]
    return found
