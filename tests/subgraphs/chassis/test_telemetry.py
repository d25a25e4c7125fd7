"""Logs are JSON without personal data; a metric is an EMF line and an OpenTelemetry sum."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from opentelemetry import metrics as opentelemetry_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from subgraphs.chassis import metrics
from subgraphs.chassis.database import Database
from subgraphs.chassis.telemetry import configure_logging


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    root = logging.getLogger()
    before = root.handlers, root.level
    configure_logging("toy", "INFO")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_a_log_line_is_json_with_its_fields(logs: Any) -> None:
    structlog.get_logger("x").info("thing_made", thing_id="1")
    structlog.get_logger("x").debug("not_shown")
    logging.getLogger("library").warning("%s failed", "it")
    first, second = logs()
    assert (first["event"], first["thing_id"], first["service"], first["level"]) == ("thing_made", "1", "toy", "info")
    assert (second["event"], second["logger"], second["level"]) == ("it failed", "library", "warning")


# PostgreSQL's message quotes the row that failed; a log must not.
async def test_a_database_error_is_logged_without_its_values(logs: Any, toy_database: Database) -> None:
    insert = sa.text("INSERT INTO things VALUES (:name)")
    address = "@".join(("ana", "example.com"))  # never a literal: a traceback shows the source
    try:
        async with toy_database.transaction() as connection:
            await connection.execute(insert, {"name": address})
            await connection.execute(insert, {"name": address})
    except sa.exc.IntegrityError:
        structlog.get_logger("x").exception("insert_failed")
    (line,) = logs()
    assert address not in json.dumps(line)
    assert "UniqueViolationError" in line["exception"]
    assert "test_telemetry.py" in line["exception"]


def test_a_metric_is_counted_twice_over(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(opentelemetry_metrics, "get_meter", provider.get_meter)
    monkeypatch.setattr(metrics, "_counters", {})
    metrics.count("Reservations", Status="HELD")
    metrics.count("Reservations", 2, Status="HELD")
    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert line["Reservations"] == 1
    assert line["Status"] == "HELD"
    assert line["_aws"]["CloudWatchMetrics"] == [
        {"Namespace": "Bilhetagem", "Dimensions": [["Status"]], "Metrics": [{"Name": "Reservations", "Unit": "Count"}]}
    ]
    (point,) = json.loads(reader.get_metrics_data().to_json())["resource_metrics"][0]["scope_metrics"][0]["metrics"][0][
        "data"
    ]["data_points"]
    assert (point["value"], point["attributes"]) == (3, {"Status": "HELD"})
    provider.shutdown()
