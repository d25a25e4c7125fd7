"""The function behind the schedule of every minute, wired."""

import functools
import os
from typing import Any

import msgspec

from workers.runtime import aws
from workers.runtime.request_records import RequestRecords
from workers.runtime.settings import read_settings
from workers.runtime.wiring import subgraph_client
from workers.sweep_requests.sweep import Sweep


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    reservation_requests_table: str
    reservation_requests_queue_url: str


@functools.cache
def _sweep() -> Sweep:
    settings = read_settings(Settings, os.environ)
    return Sweep(
        services=subgraph_client(),
        records=RequestRecords(settings.reservation_requests_table, aws.dynamodb()),
        sqs=aws.sqs(),
        queue_url=settings.reservation_requests_queue_url,
    )


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    return _sweep().run()
