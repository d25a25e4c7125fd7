"""The function behind the schedule of every five minutes, wired."""

import functools
import os
import time
from typing import Any

import msgspec

from workers.reconcile.metrics import count
from workers.reconcile.reconcile import Reconciliation
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime import aws
from workers.runtime.settings import read_settings
from workers.runtime.wiring import subgraph_client

# The last item is finished and all is noted within this.
_RESERVED_SECONDS = 20.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    events_topic_arn: str


@functools.cache
def _steps() -> ReservationSteps:
    settings = read_settings(Settings, os.environ)
    return ReservationSteps(subgraph_client(), aws.sns(), settings.events_topic_arn)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"dry": true}` in the event finds only."""
    ends_at = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _RESERVED_SECONDS
    report = Reconciliation(_steps(), dry=event.get("dry") is True, ends_at=ends_at).run()
    count(report)
    return {
        "found": {kind.value: number for kind, number in report.found.items() if number},
        "done": {kind.value: number for kind, number in report.done.items() if number},
        "unsettled": len(report.unsettled),
        "in_order": report.in_order,
        "unfinished": report.unfinished,
    }
