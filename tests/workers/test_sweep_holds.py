"""The sweep of every minute: as many rounds as there is to tidy up, but not for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.workers.deployed import Deployed
from tests.workers.subgraphs import Down, Refused, Subgraphs


def limits_asked(subgraphs: Subgraphs) -> list[Any]:
    return [call.given for call in subgraphs.by_service()["ticketing"] if call.field == "sweepExpiredHolds"]


def test_full_rounds_are_followed_by_another(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    found = iter([500, 500, 20])
    directed(sweepExpiredHolds=lambda limit: next(found))

    assert deployed.invoke("sweep-holds", {}) == {"swept": 1_020}
    assert limits_asked(subgraphs) == [500, 500, 500]


def test_a_flood_is_left_to_the_next_minute(
    deployed: Deployed, subgraphs: Subgraphs, directed: Callable[..., None]
) -> None:
    """Ten rounds at most, so that the function ends within its time."""
    directed(sweepExpiredHolds=lambda limit: 500)

    assert deployed.invoke("sweep-holds", {}) == {"swept": 5_000}
    assert len(limits_asked(subgraphs)) == 10


@pytest.mark.parametrize(
    ("fault", "error", "attempts"), [(Down(), "TransientFault", 3), (Refused("FORBIDDEN"), "PermanentFault", 1)]
)
def test_faults_have_the_names_that_machines_catch_by(
    deployed: Deployed,
    subgraphs: Subgraphs,
    directed: Callable[..., None],
    fault: Exception,
    error: str,
    attempts: int,
) -> None:
    """The runtime reports the class of what was raised; what may pass has been tried three times before."""

    def fail(limit: Any) -> Any:
        raise fault

    directed(sweepExpiredHolds=fail)

    failed = deployed.invoke("sweep-holds", {}, fails=True)
    assert failed["errorType"] == error
    assert "ticketing" in failed["errorMessage"]
    assert len(limits_asked(subgraphs)) == attempts
