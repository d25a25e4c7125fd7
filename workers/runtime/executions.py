"""Starting an execution at most once, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from workers.runtime.logging import log

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


def start_once(machines: SFNClient, machine_arn: str, name: str, given: Mapping[str, Any]) -> bool:
    """Whether this call started it: the same name again is the same work again, and answers False.

    `name` has at most 80 characters. Step Functions remembers it for 90 days after the execution's end.
    """
    try:
        machines.start_execution(stateMachineArn=machine_arn, name=name, input=msgspec.json.encode(given).decode())
    except machines.exceptions.ExecutionAlreadyExists:
        log("execution_already_started", execution=name)
        return False
    log("execution_started", execution=name)
    return True
