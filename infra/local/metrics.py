"""Takes the metrics that processes write into their logs (CloudWatch EMF lines) to the emulated CloudWatch.

On AWS the log driver does this. Here the logs are files: what was added to them is read every two seconds, summed up,
and put. While the emulated AWS is away the sums are kept, a bounded number of them, and put later.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import ministack

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

_EVERY_SECONDS: Final = 2.0
_MARK: Final = b'{"_aws":'
# Of one log in one turn; what is more is read in the next.
_MOST_BYTES: Final = 1 << 20
# Sums of a minute each, by metric and dimensions. Beyond that the oldest are forgotten.
_MOST_SUMS: Final = 2_000
_MOST_IN_ONE_CALL: Final = 500
_MINUTE_MS: Final = 60_000


class _Metric(msgspec.Struct, rename="pascal"):
    name: str
    unit: str = "None"


class _Directive(msgspec.Struct, rename="pascal"):
    namespace: str
    dimensions: list[list[str]]
    metrics: list[_Metric]


class _Aws(msgspec.Struct, rename="pascal"):
    timestamp: int
    cloud_watch_metrics: list[_Directive]


class _Line(msgspec.Struct):
    aws: _Aws = msgspec.field(name="_aws")


@dataclass(frozen=True, slots=True)
class Series:
    """One minute of one metric. `minute_ms` is its beginning."""

    namespace: str
    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    minute_ms: int


@dataclass(slots=True)
class MetricShipper:
    """`start_at_end` first: what earlier runs have written was theirs to put."""

    logs: Path
    client: "CloudWatchClient"
    _read: dict[Path, int] = field(default_factory=dict)
    _sums: dict[Series, float] = field(default_factory=dict)

    @classmethod
    def to(cls, endpoint: str, logs: Path) -> "MetricShipper":
        client = boto3.client(
            "cloudwatch",
            endpoint_url=endpoint,
            region_name=ministack.REGION,
            aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
        )
        return cls(logs, client)

    def start_at_end(self) -> None:
        self._read = {log: log.stat().st_size for log in self.logs.glob("*.log")}

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await asyncio.to_thread(self.ship)

    def ship(self) -> None:
        """Reads what is new and puts all there is; what cannot be put is kept for the next time."""
        for log in self.logs.glob("*.log"):
            with contextlib.suppress(OSError):
                for line in self._new_lines(log):
                    self._add(line)
        for series in list(self._sums)[: max(0, len(self._sums) - _MOST_SUMS)]:
            del self._sums[series]
        with contextlib.suppress(BotoCoreError, ClientError):
            self._put()

    def _new_lines(self, log: Path) -> Iterator[bytes]:
        begin = self._read.get(log, 0)
        with log.open("rb") as file:
            if log.stat().st_size < begin:  # begun anew
                begin = 0
            file.seek(begin)
            whole, separator, _ = file.read(_MOST_BYTES).rpartition(b"\n")
        self._read[log] = begin + len(whole) + len(separator)
        return (line for line in whole.split(b"\n") if line.startswith(_MARK))

    def _add(self, line: bytes) -> None:
        try:
            aws = msgspec.json.decode(line, type=_Line).aws
            values: dict[str, Any] = msgspec.json.decode(line)
        except msgspec.MsgspecError:
            return
        for directive in aws.cloud_watch_metrics:
            for names in directive.dimensions:
                dimensions = tuple((name, str(values.get(name, ""))) for name in names)
                for metric in directive.metrics:
                    minute = aws.timestamp - aws.timestamp % _MINUTE_MS
                    series = Series(directive.namespace, metric.name, metric.unit, dimensions, minute)
                    with contextlib.suppress(TypeError, ValueError):
                        self._sums[series] = self._sums.get(series, 0.0) + float(values.get(metric.name, 0))

    def _put(self) -> None:
        while self._sums:
            namespace = next(iter(self._sums)).namespace
            batch = [series for series in self._sums if series.namespace == namespace][:_MOST_IN_ONE_CALL]
            self.client.put_metric_data(
                Namespace=namespace, MetricData=[_datum(series, self._sums[series]) for series in batch]
            )
            for series in batch:
                del self._sums[series]


def _datum(series: Series, value: float) -> "MetricDatumTypeDef":
    return {
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        "Timestamp": datetime.fromtimestamp(series.minute_ms / 1000, UTC),
        "Unit": series.unit,  # type: ignore[typeddict-item]
        "Value": value,
    }
