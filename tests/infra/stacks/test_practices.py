"""cdk-nag's AWS Solutions rules hold, but for what the stacks acknowledge with a reason."""

import contextlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import aws_cdk
import pytest
from cdk_nag import AwsSolutionsChecks

import infra.app
from infra.stacks.application import STACK_NAME, ApplicationStack


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """cdk-nag's report about the application stack."""
    infra.app.use_own_node()
    app = aws_cdk.App(outdir=str(tmp_path_factory.mktemp("nag") / "out"), analytics_reporting=False)
    ApplicationStack(app, STACK_NAME)
    return _checked(app)


def _checked(app: aws_cdk.App) -> dict[str, Any]:
    aws_cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    # Findings fail the synthesis; the report says which.
    with contextlib.suppress(RuntimeError):
        app.synth()
    written = json.loads((Path(app.outdir) / "validation-report.json").read_text(encoding="utf-8"))
    (found,) = written["pluginReports"]
    return dict(found)


def test_no_rule_is_broken(report: dict[str, Any]) -> None:
    """Neither errors nor warnings."""
    assert [(each["ruleName"], _places(each)) for each in report["violations"]] == []


def test_only_known_exceptions_are_made(report: dict[str, Any]) -> None:
    """Each with a reason: X-Ray and log delivery, the machines' own dead letters, tokens that need no backup."""
    made: dict[str, list[str]] = defaultdict(list)
    for each in report["suppressedViolations"]:
        made[each["ruleName"]] += _places(each)
    assert made.keys() == {"AwsSolutions-IAM5[Resource::*]", "AwsSolutions-SQS3", "AwsSolutions-DDB3"}
    assert sorted(made["AwsSolutions-SQS3"]) == [f"{STACK_NAME}/{flow}/DeadLetters/Resource" for flow in _FLOWS]
    assert made["AwsSolutions-DDB3"] == [f"{STACK_NAME}/Tables/TaskTokens/Resource"]
    assert all(len(each["reason"]) > 20 for each in report["suppressedViolations"])


def test_a_queue_without_dead_letters_would_be_noticed(tmp_path: Path) -> None:
    infra.app.use_own_node()
    app = aws_cdk.App(outdir=str(tmp_path / "out"), analytics_reporting=False)
    aws_cdk.aws_sqs.Queue(aws_cdk.Stack(app, "careless"), "Queue")
    assert "AwsSolutions-SQS3" in {each["ruleName"] for each in _checked(app)["violations"]}


_FLOWS = ("PaymentFlow", "ReservationFlow")


def _places(violation: dict[str, Any]) -> list[str]:
    return sorted(construct["constructPath"] for construct in violation["violatingConstructs"])
