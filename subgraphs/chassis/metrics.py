"""Business metrics, each as a CloudWatch EMF line on stdout and as an OpenTelemetry counter."""

from __future__ import annotations

import sys
import time
from typing import Any, Final

import msgspec

NAMESPACE: Final = "Bilhetagem"

_counters: dict[str, Any] = {}


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add ``value`` to a counter. Dimensions have few values each: never an id, never personal data."""
    line = {
        "_aws": {
            "Timestamp": time.time_ns() // 1_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(dimensions)],
                    "Metrics": [{"Name": name, "Unit": "Count"}],
                }
            ],
        },
        name: value,
        **dimensions,
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
    counter = _counters.get(name)
    if counter is None:
        from opentelemetry import metrics as opentelemetry_metrics  # lazily: only services that count pay for it

        counter = opentelemetry_metrics.get_meter("bilhetagem").create_counter(name, unit="1")
        _counters[name] = counter
    counter.add(value, dimensions)
