"""Alarms, and the dashboard with what the business asked to see beside what operations need."""

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.stacks.queues import PREFIX

NAMESPACE = "Bilhetagem"
# One graph per question of the business: title → metrics that the code emits, whatever their dimensions.
BUSINESS_GRAPHS: Mapping[str, Sequence[str]] = {
    "Suggestion requests": ("SuggestionRequests",),
    "Reservations over time": ("ReservationsRequested", "Reservations"),
    "Expired reservations and confirmed payments": ("ReservationsExpired", "PaymentsConfirmed"),
    "Event queries and reservations made": ("EventQueries", "Reservations"),
}
_FIVE_MINUTES = Duration.minutes(5)


class Monitoring(Construct):
    """Dashboard `bilhetagem` and alarms named after what they watch."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Mapping[str, sqs.IQueue],
        dead_letters: Mapping[str, sqs.IQueue],
        functions: Mapping[str, lambda_.IFunction],
        machines: Mapping[str, sfn.IStateMachine],
    ) -> None:
        super().__init__(scope, construct_id)
        for name, queue in dead_letters.items():
            self._alarm(
                f"{name}-dead-letters",
                queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
                above=0,
                says=f"{name} could not handle a message: see `bilhetagem dlq show`.",
            )
        for name, queue in queues.items():
            self._alarm(
                f"{name}-waiting",
                queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
                above=300,
                says=f"A message in {name} has been waiting for over five minutes.",
            )
        for name, function in functions.items():
            self._alarm(
                f"{name}-errors",
                function.metric_errors(period=_FIVE_MINUTES, statistic="Sum"),
                above=10,
                says=f"The function {name} failed more than ten times in five minutes.",
            )
        for name, machine in machines.items():
            self._alarm(
                f"{name}-failed",
                machine.metric_failed(period=_FIVE_MINUTES, statistic="Sum"),
                above=0,
                says=f"An execution of {name} failed: its input is in the dead-letter queue.",
            )
        self._alarm(
            "reconciliation-unsettled",
            cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name="Reconciled",
                dimensions_map={"Kind": "unsettled"},
                period=_FIVE_MINUTES,
                statistic="Maximum",
            ),
            above=0,
            says="Money or tickets that the reconciliation cannot settle: its log says which and why.",
        )
        self._dashboard(queues, functions, machines)

    def _alarm(self, name: str, metric: cloudwatch.Metric, *, above: float, says: str) -> None:
        cloudwatch.Alarm(
            self,
            "".join(part.capitalize() for part in name.split("-")),
            alarm_name=f"{PREFIX}-{name}",
            alarm_description=says,
            metric=cast("cloudwatch.IMetric", metric),
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _dashboard(
        self,
        queues: Mapping[str, sqs.IQueue],
        functions: Mapping[str, lambda_.IFunction],
        machines: Mapping[str, sfn.IStateMachine],
    ) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=PREFIX)
        dashboard.add_widgets(
            *(
                self._graph(title, [_search(metric, str(index)) for index, metric in enumerate(metrics)])
                for title, metrics in BUSINESS_GRAPHS.items()
            )
        )
        dashboard.add_widgets(
            self._graph("Queue depth", [q.metric_approximate_number_of_messages_visible() for q in queues.values()]),
            self._graph(
                "Age of the oldest message", [q.metric_approximate_age_of_oldest_message() for q in queues.values()]
            ),
            self._graph("Function invocations", [f.metric_invocations() for f in functions.values()]),
            self._graph("Function duration (p99)", [f.metric_duration(statistic="p99") for f in functions.values()]),
        )
        dashboard.add_widgets(
            self._graph("Executions started", [m.metric_started() for m in machines.values()]),
            self._graph("Executions failed", [m.metric_failed() for m in machines.values()]),
        )

    def _graph(self, title: str, metrics: Sequence[object]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=title,
            left=[cast("cloudwatch.IMetric", metric) for metric in metrics],
            width=6,
            region=Stack.of(self).region,
        )


def _search(metric: str, key: str) -> cloudwatch.MathExpression:
    """The metric in all its dimensions, so that a new one (a method, a status) appears by itself."""
    return cloudwatch.MathExpression(
        expression=f"SEARCH('Namespace=\"{NAMESPACE}\" MetricName=\"{metric}\"', 'Sum', 300)",
        using_metrics={},
        label="",
        period=_FIVE_MINUTES,
    )
