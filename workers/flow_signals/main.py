"""The function behind the queue of signals for the flows, wired."""

import functools
import os
from typing import Any

import msgspec

from workers.flow_signals.signal_flows import FlowSignals, handle_batch
from workers.runtime import aws
from workers.runtime.later import try_again_later
from workers.runtime.settings import read_settings
from workers.runtime.task_tokens import TaskTokens
from workers.runtime.time_left import Invocation, within


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    task_tokens_table: str
    reservation_flow_arn: str
    payment_flow_arn: str
    flow_signals_queue_url: str
    flow_signals_dlq_url: str


@functools.cache
def _flows() -> FlowSignals:
    settings = read_settings(Settings, os.environ)
    return FlowSignals(
        tokens=TaskTokens(settings.task_tokens_table, aws.dynamodb(), aws.stepfunctions()),
        machines=aws.stepfunctions(),
        sqs=aws.sqs(),
        reservation_flow_arn=settings.reservation_flow_arn,
        payment_flow_arn=settings.payment_flow_arn,
        queue_url=settings.flow_signals_queue_url,
        dead_letters_url=settings.flow_signals_dlq_url,
    )


def prepare() -> None:
    _flows()


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    with within(context):
        flows = _flows()
        answer, failed = handle_batch(flows, event)
        for record in failed:
            try_again_later(flows.sqs, flows.queue_url, record)
        return answer
