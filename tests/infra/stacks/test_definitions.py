"""The state machines' definitions are Amazon States Language, by the language's own schema."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.node import install_packages, node_program
from infra.stacks import endurance, flows

_ROOT = Path(__file__).parents[3]
_VALIDATION = _ROOT / "infra" / "validation"
FLOWS = ("reservation_flow", "payment_flow")
Definition = dict[str, Any]
Verdict = Callable[[Definition], list[Any]]


def definition(flow: str) -> Definition:
    """As it is deployed."""
    found: Definition = json.loads(flows.definition(flow))
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


def tasks(flow: str) -> dict[str, Definition]:
    return {name: state for name, state in definition(flow)["States"].items() if state["Type"] == "Task"}


@pytest.mark.parametrize("flow", FLOWS)
def test_every_task_has_a_time_limit_retries_and_a_way_out(flow: str) -> None:
    """Only what tells of a fault cannot be caught any more: it would lead to itself."""
    for name, state in tasks(flow).items():
        # A wait wakes by itself, so that it never sleeps long past its deadline.
        assert state["TimeoutSeconds"] <= (300 if name.startswith("Await") else 30), name
        assert state["Retry"], name
        if name not in ("LeaveInDeadLetters", "ReportConcessions"):
            assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name
            assert state["Catch"][-1]["Assign"]["fault"]["state"] == name


@pytest.mark.parametrize("flow", FLOWS)
def test_permanent_faults_are_not_retried(flow: str) -> None:
    """They would only delay the dead letter by hours."""
    for name, state in tasks(flow).items():
        retried = {error for retry in state["Retry"] for error in retry["ErrorEquals"]}
        assert not retried & {"States.ALL", "States.TaskFailed", "PermanentFault", "Misconfigured"}, name


@pytest.mark.parametrize("flow", FLOWS)
def test_what_the_services_raise_is_retried_in_every_task_that_calls_them(flow: str) -> None:
    """By the names that Step Functions reports natively."""
    native = {
        "lambda": {"TransientFault", "Lambda.TooManyRequestsException", "Lambda.Unknown", "Sandbox.Timedout"},
        "sqs": {"SQS.AmazonSQSException", "SQS.SdkClientException"},
        "dynamodb": {"DynamoDb.ProvisionedThroughputExceededException", "DynamoDb.ThrottlingException"},
    }
    for name, state in tasks(flow).items():
        (service,) = (service for service in native if f":{service}:" in state["Resource"])
        assert native[service] <= {error for retry in state["Retry"] for error in retry["ErrorEquals"]}, name


@pytest.mark.parametrize("flow", FLOWS)
def test_an_outage_of_two_hours_ends_well_without_a_hand(flow: str) -> None:
    """With full jitter the mean delay is half of the longest; spread evenly, a sum of hundreds stays close to its mean.

    Only the question before units are given back is brief: it has another way than the dead letters.
    """
    for name, state in tasks(flow).items():
        (passing,) = (retry for retry in state["Retry"] if not _names_throttling(retry))
        assert passing["JitterStrategy"] == "FULL"
        if name == "AskPayments":
            assert {"TransientFault", "States.Timeout", "Sandbox.Timedout"} <= {*state["Catch"][0]["ErrorEquals"]}
            assert state["Catch"][0]["Next"] == "Expire"
            continue
        assert _patience_seconds(passing) > 2 * 3_600 * 1.5, name
        assert passing["MaxDelaySeconds"] <= 300, name


@pytest.mark.parametrize("flow", FLOWS)
def test_throttling_is_tried_again_within_seconds(flow: str) -> None:
    for name, state in tasks(flow).items():
        if state["Resource"].endswith("lambda:invoke"):
            busy = state["Retry"][[*map(_names_throttling, state["Retry"])].index(True)]
            assert (busy["IntervalSeconds"], busy["MaxDelaySeconds"]) == (1, 10), name
            assert _patience_seconds(busy) > 3_600, name


def _names_throttling(retry: Definition) -> bool:
    return "Lambda.TooManyRequestsException" in retry["ErrorEquals"]


def _patience_seconds(retry: Definition) -> float:
    """The mean of all delays together."""
    delays = (
        min(retry["MaxDelaySeconds"], retry["IntervalSeconds"] * retry["BackoffRate"] ** attempt)
        for attempt in range(retry["MaxAttempts"])
    )
    return sum(delays) / 2


def test_a_task_may_have_its_own_way() -> None:
    """Its retriers replace those of the same list, its catchers come first, and its time limit stays."""
    own = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f"},
        "TimeoutSeconds": 5,
        "Retry": [{"ErrorEquals": ["Passing"], "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["Passing"], "Next": "Elsewhere"}],
        "Next": "Done",
    }
    task = endurance.hardened({"States": {"Own": own}})["States"]["Own"]

    passing = list(endurance.PASSING["arn:aws:states:::lambda:invoke"])
    assert task["TimeoutSeconds"] == 5
    assert task["Retry"][0] == {"ErrorEquals": passing, "MaxAttempts": 1}
    assert [retry["ErrorEquals"] for retry in task["Retry"][1:]] == [list(endurance.BUSY)]
    assert task["Catch"][0] == {"ErrorEquals": passing, "Next": "Elsewhere"}
    assert task["Catch"][1]["Next"] == "LeaveInDeadLetters"
