"""The services on databases of this module, each test with nothing in them."""

from collections.abc import Callable, Iterator

import pytest

from tests.workers.reconcile.world import World


@pytest.fixture(scope="module")
def opened(database: Callable[[str], str]) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("EVENTS_TOPIC_ARN", "EVENTS_QUEUE_URL", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        with World(database).opened() as world:
            yield world


@pytest.fixture
def world(opened: World) -> World:
    opened.begin_anew()
    return opened
