"""The function behind the steps of the reservation flow, wired."""

import functools
import os
from typing import Any

import msgspec

from workers.reservation_flow.steps import ReservationSteps
from workers.runtime import aws
from workers.runtime.settings import read_settings
from workers.runtime.time_left import Invocation, within
from workers.runtime.wiring import subgraph_client


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    events_topic_arn: str


@functools.cache
def _steps() -> ReservationSteps:
    settings = read_settings(Settings, os.environ)
    return ReservationSteps(subgraph_client(), aws.sns(), settings.events_topic_arn)


def prepare() -> None:
    _steps()


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    with within(context):
        return _steps().run(event["step"], event["input"])
