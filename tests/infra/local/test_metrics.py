"""EMF lines of the logs arrive at the emulated CloudWatch: the numbers that the business asked for."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from infra.local import metrics
from infra.local.metrics import MetricShipper
from infra.local.postgres.server import free_port

ASKED_FOR = {
    "SuggestionRequests": {},
    "ReservationsRequested": {},
    "Reservations": {"Status": "HELD"},
    "ReservationsExpired": {},
    "PaymentsConfirmed": {"Method": "PIX"},
    "EventQueries": {},
}


def line(namespace: str, name: str, value: float = 1, **dimensions: str) -> bytes:
    directive = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name, "Unit": "Count"}]}
    aws = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, name: value, **dimensions}, separators=(",", ":")).encode() + b"\n"


@pytest.fixture
def namespace() -> str:
    return f"Bilhetagem-{uuid4().hex}"


@pytest.fixture
def shipper(aws_endpoint: str, tmp_path: Path) -> MetricShipper:
    shipper = MetricShipper.to(aws_endpoint, tmp_path)
    shipper.start_at_end()
    return shipper


def total(aws_endpoint: str, namespace: str, name: str, **dimensions: str) -> float:
    client = boto3.client(
        "cloudwatch",
        endpoint_url=aws_endpoint,
        region_name="sa-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    stat: Any = {
        "Metric": {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
        "Period": 60,
        "Stat": "Sum",
    }
    now = datetime.now(UTC)
    answer = client.get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
    )
    return sum(answer["MetricDataResults"][0]["Values"])


def test_every_metric_that_was_asked_for_arrives(
    shipper: MetricShipper, aws_endpoint: str, namespace: str, tmp_path: Path
) -> None:
    log = tmp_path / "ticketing.log"
    for _ in range(3):
        with log.open("ab") as file:
            for name, dimensions in ASKED_FOR.items():
                file.write(b'{"event":"something_else"}\n' + line(namespace, name, **dimensions))
        shipper.ship()
    for name, dimensions in ASKED_FOR.items():
        assert total(aws_endpoint, namespace, name, **dimensions) == 3, name


def test_a_line_that_is_being_written_is_counted_once_it_is_whole(
    shipper: MetricShipper, aws_endpoint: str, namespace: str, tmp_path: Path
) -> None:
    log, whole = tmp_path / "gateway.log", line(namespace, "EventQueries")
    for part in (whole, whole[:20], whole[20:], b'{"_aws":{"Timestamp":"never"}}\n', b'{"_aws":\n'):
        with log.open("ab") as file:
            file.write(part)
        shipper.ship()
    assert total(aws_endpoint, namespace, "EventQueries") == 2


def test_what_earlier_runs_have_written_is_not_counted_again(aws_endpoint: str, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.log").write_bytes(line(namespace, "EventQueries"))
    shipper = MetricShipper.to(aws_endpoint, tmp_path)
    shipper.start_at_end()
    shipper.ship()
    assert total(aws_endpoint, namespace, "EventQueries") == 0


def test_while_the_emulated_aws_is_away_sums_are_kept_and_bounded(
    aws_endpoint: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_MOST_SUMS", 5)
    shipper = MetricShipper.to(f"http://127.0.0.1:{free_port()}", tmp_path)
    log = tmp_path / "gateway.log"
    log.write_bytes(b"".join(line(namespace, f"Metric{number}") for number in range(9)))
    shipper.ship()
    with log.open("ab") as file:
        file.write(line(namespace, "Metric8"))
    shipper.client = MetricShipper.to(aws_endpoint, tmp_path).client
    shipper.ship()
    assert [total(aws_endpoint, namespace, f"Metric{number}") for number in range(9)] == [0, 0, 0, 0, 1, 1, 1, 1, 2]


def test_a_log_that_has_grown_a_lot_is_read_in_turns(
    shipper: MetricShipper, aws_endpoint: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_MOST_BYTES", 1_000)
    written = line(namespace, "EventQueries") * 100
    (tmp_path / "gateway.log").write_bytes(written)
    turns = 0
    while total(aws_endpoint, namespace, "EventQueries") < 100:
        shipper.ship()
        turns += 1
        assert turns < 100
    assert turns > 10
