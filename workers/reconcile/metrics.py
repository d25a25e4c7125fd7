"""What was reconciled, as CloudWatch counts it: `Reconciled` by `Kind`."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from workers.reconcile.report import Report

NAMESPACE = "Bilhetagem"
UNSETTLED = "unsettled"
"""The kind that somebody is alarmed by: what will not pass by itself."""


def count(report: Report) -> None:
    """Writes a line for each kind that was done, and always one for what is unsettled, so that 0 is seen as 0."""
    counted = {kind.value: number for kind, number in report.done.items() if number}
    for kind, number in (*counted.items(), (UNSETTLED, report.alarming)):
        with single_metric(name="Reconciled", unit=MetricUnit.Count, value=number, namespace=NAMESPACE) as metric:
            metric.add_dimension(name="Kind", value=kind)
