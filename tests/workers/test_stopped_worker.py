"""A worker that is frozen or killed in the middle of a batch: its sector goes on when the batch is visible again."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.workers.deployed import Deployed, eventually
from tests.workers.test_reservation_requests import every, request


def _process_of(function: str, account: str) -> int:
    """The process that runs a function of this account of the emulated AWS."""
    wanted = {f"AWS_LAMBDA_FUNCTION_NAME={function}".encode(), f"AWS_ACCESS_KEY_ID={account}".encode()}
    for place in Path("/proc").iterdir():
        try:
            environment = set((place / "environ").read_bytes().split(b"\0"))
        except (OSError, NotADirectoryError):
            continue
        if wanted <= environment:
            return int(place.name)
    raise AssertionError(f"{function} does not run")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the worker's process in /proc")
@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_the_sector_of_a_stopped_worker_goes_on(
    deployed: Deployed, directed: Callable[..., None], how: signal.Signals
) -> None:
    """Stopped after ticketing has allocated, before anybody knows: the batch is allocated again, and its flow starts.

    How long that takes is the queue's visibility timeout, half a minute (tests/infra/stacks/test_queues.py).
    """
    account = deployed.outputs["ReservationFlowArn"].split(":")[4]
    calls: list[list[dict[str, Any]]] = []

    def allocate(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        calls.append(requests)
        if len(calls) == 1:
            os.kill(_process_of("bilhetagem-reservation-requests", account), how)
        return every("HELD")(requests)

    directed(allocateReservations=allocate)
    first, second = request(), request()
    group = str(uuid4())
    deployed.request_reservations([(group, str(uuid4()), json.dumps(body)) for body in (first, second)])

    for body in (first, second):
        deployed.named("reservation", body["reservation_id"])
    asked = [each["reservationId"] for call in calls for each in call]
    assert asked.count(first["reservation_id"]) == 2
    # Behind the stopped batch nothing overtakes: the order within the sector is kept.
    assert asked.index(first["reservation_id"]) < asked.index(second["reservation_id"])
    eventually(lambda: _is_empty(deployed) or None, 90, "the queue to be empty")


def _is_empty(deployed: Deployed) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counted = deployed.aws("sqs").get_queue_attributes(
        QueueUrl=deployed.outputs["ReservationRequestsQueueUrl"], AttributeNames=names
    )["Attributes"]
    return all(int(counted[name]) == 0 for name in names)
