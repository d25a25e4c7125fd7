"""The function behind the queue of reservation requests, wired."""

import functools
import os
from typing import Any

import msgspec

from workers.reservation_requests.handle_batch import Worker
from workers.runtime import aws
from workers.runtime.request_records import RequestRecords
from workers.runtime.settings import read_settings
from workers.runtime.time_left import Invocation, within
from workers.runtime.wiring import subgraph_client


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    reservation_flow_arn: str
    reservation_requests_queue_url: str
    reservation_requests_table: str
    reservation_requests_dlq_url: str


@functools.cache
def _worker() -> Worker:
    settings = read_settings(Settings, os.environ)
    return Worker(
        services=subgraph_client(),
        machines=aws.stepfunctions(),
        sqs=aws.sqs(),
        records=RequestRecords(settings.reservation_requests_table, aws.dynamodb()),
        reservation_flow_arn=settings.reservation_flow_arn,
        queue_url=settings.reservation_requests_queue_url,
        dead_letters_url=settings.reservation_requests_dlq_url,
    )


def prepare() -> None:
    _worker()


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    with within(context):
        return _worker().handle(event)
