"""The function behind the steps of the payment flow, wired."""

import functools
import os
from typing import Any

import msgspec

from workers.payment_flow.steps import PaymentSteps
from workers.runtime import aws
from workers.runtime.settings import read_settings
from workers.runtime.task_tokens import TaskTokens
from workers.runtime.time_left import Invocation, within
from workers.runtime.wiring import subgraph_client


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    task_tokens_table: str
    reservation_flow_arn: str


@functools.cache
def _steps() -> PaymentSteps:
    settings = read_settings(Settings, os.environ)
    return PaymentSteps(
        services=subgraph_client(),
        tokens=TaskTokens(settings.task_tokens_table, aws.dynamodb(), aws.stepfunctions()),
        machines=aws.stepfunctions(),
        reservation_flow_arn=settings.reservation_flow_arn,
    )


def prepare() -> None:
    _steps()


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    with within(context):
        return _steps().run(event["step"], event["input"])
