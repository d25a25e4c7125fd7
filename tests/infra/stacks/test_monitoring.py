"""The dashboard answers what the business asked, and somebody hears of whatever goes wrong."""

import json
import re
from typing import Any

import pytest

from tests.infra.stacks.conftest import Resources
from workers.reconcile.metrics import NAMESPACE, UNSETTLED

BUSINESS = {
    "Suggestion requests": {"SuggestionRequests"},
    "Reservations over time": {"ReservationsRequested", "Reservations"},
    "Expired reservations and confirmed payments": {"ReservationsExpired", "PaymentsConfirmed"},
    "Event queries and reservations made": {"EventQueries", "Reservations"},
}
_SEARCH = re.compile(r"""SEARCH\('Namespace="Bilhetagem" MetricName="(\w+)"', 'Sum', 300\)""")


@pytest.fixture(scope="module")
def graphs(resources: Resources) -> dict[str, dict[str, Any]]:
    """The dashboard's graphs by title; what it refers to is not looked at."""
    (dashboard,) = (each for each in resources.values() if each["Type"] == "AWS::CloudWatch::Dashboard")
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    body = "".join(part if isinstance(part, str) else "reference" for part in parts)
    return {widget["properties"]["title"]: widget["properties"] for widget in json.loads(body)["widgets"]}


@pytest.mark.parametrize("title", BUSINESS)
def test_a_graph_answers_each_question_of_the_business(graphs: dict[str, dict[str, Any]], title: str) -> None:
    """Over all dimensions, so that a new payment method or status appears by itself."""
    expressions = [metric[0]["expression"] for metric in graphs[title]["metrics"]]
    assert {match[1] for text in expressions if (match := _SEARCH.fullmatch(text))} == BUSINESS[title]
    assert len(expressions) == len(BUSINESS[title])


@pytest.mark.parametrize(
    "title",
    [
        "Queue depth",
        "Age of the oldest message",
        "Function invocations",
        "Function duration (p99)",
        "Executions started",
        "Executions failed",
    ],
)
def test_operations_see_queues_functions_and_flows(graphs: dict[str, dict[str, Any]], title: str) -> None:
    assert graphs[title]["metrics"]


def test_every_dead_letter_queue_has_an_alarm_at_the_first_message(resources: Resources) -> None:
    dead = {
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::SQS::Queue" and each["Properties"]["QueueName"].split(".")[0].endswith("-dlq")
    }
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in _alarms(resources)
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 0
    }
    assert len(dead) == 6
    assert watched == dead


def test_every_function_and_machine_has_an_alarm(resources: Resources) -> None:
    watched = {alarm["Dimensions"][0]["Value"]["Ref"] for alarm in _alarms(resources) if "Ref" in str(alarm)}
    expected = {
        name
        for name, each in resources.items()
        if each["Type"] in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
    }
    assert watched == expected


def test_money_that_cannot_be_settled_is_heard_of(resources: Resources) -> None:
    """The kind that the reconciliation counts what is left under, from the first one on."""
    (alarm,) = (one for one in _alarms(resources) if one.get("MetricName") == "Reconciled")
    assert (alarm["Namespace"], alarm["Dimensions"]) == (NAMESPACE, [{"Name": "Kind", "Value": UNSETTLED}])
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def _alarms(resources: Resources) -> list[dict[str, Any]]:
    return [each["Properties"] for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
