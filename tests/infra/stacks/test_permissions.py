"""Least privilege: what each role may do is what its code does, on nothing but its own resources."""

from typing import Any

import pytest

from tests.infra.stacks.conftest import Resources

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
CONSUME = {
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueUrl",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
}
SEND = {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
ANSWER = {"dynamodb:GetItem", "dynamodb:UpdateItem", "states:SendTaskSuccess", "states:SendTaskFailure"}
KEY = {"ssm:GetParameter"}
START = {"states:StartExecution"}
SUGGEST = {
    f"dynamodb:{action}"
    for action in (
        "GetItem",
        "BatchGetItem",
        "Query",
        "PutItem",
        "UpdateItem",
        "BatchWriteItem",
        "ConditionCheckItem",
    )
}
MAY = {
    "bilhetagem-reservation-requests": CONSUME | SEND | KEY | START | {"dynamodb:PartiQLUpdate"},
    "bilhetagem-flow-signals": CONSUME | SEND | ANSWER | START,
    "bilhetagem-reservation-flow": KEY | {"sns:Publish"},
    "bilhetagem-payment-flow": KEY | ANSWER | START,
    "bilhetagem-sweep-holds": KEY,
    "bilhetagem-sweep-requests": KEY
    | SEND
    | {"dynamodb:Scan", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:PartiQLUpdate"},
    "bilhetagem-reconcile": KEY | {"sns:Publish"},
    "bilhetagem-suggest": SUGGEST,
    "bilhetagem-suggestion-feedback": SUGGEST,
}
DELIVER_LOGS = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
TRACE_FLOWS = TRACES | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}


def _statements(resources: Resources, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]


def _actions(statement: dict[str, Any]) -> set[str]:
    actions = statement["Action"]
    return set(actions) if isinstance(actions, list) else {actions}


def _may(resources: Resources, role: str) -> set[str]:
    return {action for statement in _statements(resources, role) for action in _actions(statement)}


@pytest.mark.parametrize("name", MAY)
def test_a_function_may_do_what_it_does_and_nothing_else(resources: Resources, name: str) -> None:
    (role,) = (
        resource["Properties"]["Role"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function" and resource["Properties"]["FunctionName"] == name
    )
    assert _may(resources, role) == MAY[name] | LOGS | TRACES


@pytest.mark.parametrize("name", ["bilhetagem-reservation-flow", "bilhetagem-payment-flow"])
def test_a_machine_may_call_its_steps_wait_and_send(resources: Resources, name: str) -> None:
    (role,) = (
        resource["Properties"]["RoleArn"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine" and resource["Properties"]["StateMachineName"] == name
    )
    assert _may(resources, role) == {"lambda:InvokeFunction", "dynamodb:PutItem"} | SEND | DELIVER_LOGS | TRACE_FLOWS


def test_no_function_is_without_a_role_of_its_own(resources: Resources) -> None:
    roles = [
        resource["Properties"]["Role"]["Fn::GetAtt"][0]
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    assert len(roles) == len(set(roles)) == len(MAY)


def test_all_resources_are_meant_only_where_there_is_no_other_way(resources: Resources) -> None:
    """X-Ray and the delivery of logs; no action has a wildcard, and nothing ends in one."""
    for name, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            actions = _actions(statement)
            assert not any("*" in action for action in actions), name
            if statement["Resource"] == "*":
                assert actions <= DELIVER_LOGS | TRACE_FLOWS, name
            else:
                assert "*" not in str(statement["Resource"]), name


def test_no_managed_policy_and_no_secret_is_in_the_template(resources: Resources) -> None:
    """The signing key of service tokens is read from Parameter Store at run time, by its name."""
    for resource in resources.values():
        assert "ManagedPolicyArns" not in resource["Properties"]
    assert "PRIVATE KEY" not in str(resources)
