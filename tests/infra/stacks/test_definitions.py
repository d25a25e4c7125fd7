"""The state machines' definitions are Amazon States Language, by the language's own schema."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.node import install_packages, node_program

_ROOT = Path(__file__).parents[3]
_VALIDATION = _ROOT / "infra" / "validation"
FLOWS = ("reservation_flow", "payment_flow")
Definition = dict[str, Any]
Verdict = Callable[[Definition], list[Any]]


def definition(flow: str) -> Definition:
    found: Definition = json.loads((_ROOT / "workers" / flow / "definition.asl.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """`faults(definition)` → what asl-validator finds wrong."""
    install_packages(_VALIDATION)
    folder = tmp_path_factory.mktemp("definitions")

    def judge(given: Definition) -> list[Any]:
        path = folder / "definition.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        ran = subprocess.run(
            [node_program(), str(_VALIDATION / "validate.mjs"), str(path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        (verdict,) = json.loads(ran.stdout)
        assert verdict["isValid"] == (not verdict["errors"])
        return list(verdict["errors"])

    return judge


@pytest.mark.parametrize("flow", FLOWS)
def test_the_definition_is_valid(faults: Verdict, flow: str) -> None:
    """The emulator runs invalid definitions too; AWS refuses them at deployment."""
    assert faults(definition(flow)) == []


@pytest.mark.parametrize("flow", FLOWS)
def test_an_invalid_definition_would_be_noticed(faults: Verdict, flow: str) -> None:
    """A state that leads nowhere, a task without a resource."""
    broken = copy.deepcopy(definition(flow))
    broken["States"]["Begin"]["Next"] = "Nowhere"
    assert faults(broken)
    broken = copy.deepcopy(definition(flow))
    del broken["States"]["SetDeadline"]["Resource"]
    assert faults(broken)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_task_has_a_time_limit_retries_and_a_way_out(flow: str) -> None:
    """Only what tells of a fault cannot be caught any more: it would lead to itself."""
    for name, state in definition(flow)["States"].items():
        if state["Type"] != "Task":
            continue
        assert state["TimeoutSeconds"] <= (86_400 if name.startswith("Await") else 30), name
        assert state["Retry"], name
        if name not in ("LeaveInDeadLetters", "ReportConcessions"):
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name
            assert state["Catch"][-1]["Assign"]["fault"]["state"] == name


@pytest.mark.parametrize("flow", FLOWS)
def test_permanent_faults_are_not_retried(flow: str) -> None:
    """They would only delay the dead letter by a quarter of an hour."""
    for name, state in definition(flow)["States"].items():
        retried = {error for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
        assert not retried & {"States.ALL", "States.TaskFailed", "PermanentFault", "Misconfigured"}, name
        if state.get("Resource", "").endswith("lambda:invoke"):
            assert "TransientFault" in retried, name
