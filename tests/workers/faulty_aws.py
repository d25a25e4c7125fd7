"""AWS on a bad day: clients of the emulated AWS whose calls fail before or after they took effect, and in turns."""

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.workers.deployed import REGION
from workers.runtime import aws

Send = Callable[[AWSPreparedRequest], AWSResponse | None]


def client(service: str, endpoint: str, send: Send, *, account: str = "test") -> Any:
    """As workers make theirs, but for one attempt a call. `send` answers, raises, or gives None to let it through."""
    made = aws.make_client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=account,
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    _ = made.exceptions  # made when first asked for, and not by two threads at once
    made.meta.events.register(f"before-send.{service}.*", lambda request, **_: send(request))
    return made


def answer(status: int, code: str = "", *, xml: bool = False) -> AWSResponse:
    """An error in the JSON protocol (or in XML, as SNS speaks), or an empty success."""
    body = json.dumps({"__type": code, "message": "said AWS"} if code else {}).encode()
    if xml:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>said AWS</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>".encode()

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield body

    headers = {"x-amzn-requestid": "r", "content-type": "application/x-amz-json-1.0"}
    return AWSResponse("http://aws.test", status, headers, Raw())


THROTTLED = "ThrottlingException"


def unreachable(request: AWSPreparedRequest) -> AWSResponse:
    raise EndpointConnectionError(endpoint_url=request.url)


def done_but_not_heard(request: AWSPreparedRequest) -> AWSResponse:
    """The service does what it was asked; its answer is lost."""
    URLLib3Session().send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


class Machine:
    """Step Functions, as far as task tokens go: the first answer for a token is taken, later ones are refused.

    The emulated one takes a second answer as long as the execution has not gone on, which AWS does not.
    """

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, str]] = {}

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        given = json.loads(request.body)
        if given["taskToken"] in self.taken:
            return answer(400, "TaskTimedOut")
        self.taken[given.pop("taskToken")] = given
        return answer(200)


class Turns:
    """Lets threads go on one call at a time: `order` says which of those that wait is next."""

    def __init__(self, order: Iterable[int]) -> None:
        self._order = iter(order)
        self._gates: dict[str, threading.Semaphore] = {}
        self._arrived: queue.Queue[tuple[str, bool]] = queue.Queue()
        self.failures: list[BaseException] = []

    def wait(self) -> None:
        """Called by a thread before each of its calls."""
        name = threading.current_thread().name
        self._arrived.put((name, True))
        self._gates[name].acquire()

    def run(self, works: dict[str, Callable[[], None]]) -> None:
        waiting: set[str] = set()
        for name, work in works.items():
            self._gates[name] = threading.Semaphore(0)
            threading.Thread(target=self._do, args=(work,), name=name, daemon=True).start()
        for _ in works:
            self._settle(waiting)
        while waiting:
            chosen = sorted(waiting)[next(self._order, 0) % len(waiting)]
            waiting.discard(chosen)
            self._gates[chosen].release()
            self._settle(waiting)
        if self.failures:
            raise self.failures[0]

    def _settle(self, waiting: set[str]) -> None:
        name, waits = self._arrived.get(timeout=60)
        if waits:
            waiting.add(name)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            self._arrived.put((threading.current_thread().name, False))
