"""The committed template is what the app synthesises, and what CloudFormation accepts."""

import difflib

from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from infra.app import TEMPLATE, synthesise
from tests.infra.stacks.conftest import Resources
from workers.runtime.lambda_loop import load_handler

# CDK orders each function behind its role and the role's policy; naming the role twice harms nobody.
_CDK_SAYS_TWICE = "W3005"


def test_the_committed_template_is_what_the_app_synthesises() -> None:
    """Whoever changes the stacks or a state machine commits the template's diff with it: `python -m infra.app`."""
    committed = TEMPLATE.read_text(encoding="utf-8")
    synthesised = synthesise()
    difference = difflib.unified_diff(committed.splitlines(), synthesised.splitlines(), "committed", "app", n=1)
    assert synthesised == committed, "\n".join(line[:200] for line in difference)


def test_cloudformation_would_accept_it() -> None:
    """No finding of cfn-lint, warnings included, in the region where it runs."""
    checks = ManualArgs(regions=["sa-east-1"], ignore_checks=[_CDK_SAYS_TWICE])
    assert [str(match) for match in lint(TEMPLATE.read_text(encoding="utf-8"), config=checks)] == []


def test_a_faulty_template_would_be_noticed() -> None:
    """The check above is alive: a queue that is kept for longer than SQS keeps any."""
    queue = '{"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 99999999}}'
    assert lint(f'{{"Resources": {{"Q": {queue}}}}}', config=ManualArgs(regions=["sa-east-1"]))


def test_every_handler_that_the_template_names_exists(resources: Resources) -> None:
    handlers = {
        resource["Properties"]["Handler"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert len(handlers) == 9
    for handler in sorted(handlers):
        assert callable(load_handler(handler))


def test_where_code_lies_is_a_parameter(resources: Resources) -> None:
    """Otherwise each change of code would change the template."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["Code"] == {
                "S3Bucket": {"Ref": "CodeBucket"},
                "S3Key": {"Ref": "CodeKey"},
            }, name
