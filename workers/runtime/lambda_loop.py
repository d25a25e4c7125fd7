"""The Lambda runtime API, so that a function is a Python module under any `provided` runtime.

`python -m workers.runtime.lambda_loop [module:handler]` asks for invocations one after the other and hands each to
`handler(event, context)`; without an argument the handler is the function's own (`_HANDLER`). Before the first one it
calls the module's `prepare()`, if there is one: what takes long (importing and making clients) is done while Lambda
waits for the function to start, and not in the five seconds of its first invocation. The class name of what a handler
raises becomes the invocation's error type, which is what state machines retry and catch by.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import http.client
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from workers.runtime.logging import log

Handler = Callable[[Any, "Context"], Any]
_VERSION = "/2018-06-01/runtime"
_FRAMES_REPORTED = 20
_CAUSE_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may know of its invocation; the attributes of Lambda's own Python context that we use."""

    aws_request_id: str
    function_name: str
    invoked_function_arn: str
    deadline_ms: int
    memory_limit_in_mb: int

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline_ms - int(time.time() * 1000))


class RuntimeApi:
    """One address, one request at a time. The wait for the next invocation has no timeout: that is the protocol."""

    def __init__(self, address: str) -> None:
        self._address = address

    def next_invocation(self) -> tuple[bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(self._address)
        try:
            connection.request("GET", f"{_VERSION}/invocation/next")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise http.client.HTTPException(f"The runtime API answered {answer.status}.")
            return body, answer.headers
        finally:
            connection.close()

    def succeed(self, request_id: str, result: bytes) -> None:
        self._post(f"/invocation/{request_id}/response", result, {})

    def fail(self, request_id: str, exc: BaseException) -> None:
        self._post(f"/invocation/{request_id}/error", _described(exc), _error_header(exc))

    def fail_to_start(self, exc: BaseException) -> None:
        self._post("/init/error", _described(exc), _error_header(exc))

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            connection.request("POST", _VERSION + path, body, {"Content-Type": "application/json", **headers})
            connection.getresponse().read()
        finally:
            connection.close()


def load_handler(name: str) -> Handler:
    """`package.module:function`. Raises ImportError, AttributeError or ValueError when there is none."""
    module, separator, function = name.partition(":")
    if not separator:
        raise ValueError(f"{name!r} is not a handler: write module:function.")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler


def prepare(name: str) -> None:
    """Calls `prepare()` of the handler's module, where there is one. Raises what that raises."""
    module = importlib.import_module(name.partition(":")[0])
    prepare_module: Callable[[], object] | None = getattr(module, "prepare", None)
    if prepare_module is not None:
        prepare_module()


def serve(api: RuntimeApi, handler: Handler) -> None:
    """Until the environment is shut down, which ends the process or the runtime API."""
    while True:
        try:
            body, headers = api.next_invocation()
        except (ConnectionError, http.client.HTTPException):
            return
        _invoke(api, handler, body, headers)


def _invoke(api: RuntimeApi, handler: Handler, body: bytes, headers: http.client.HTTPMessage) -> None:
    context = Context(
        aws_request_id=headers.get("Lambda-Runtime-Aws-Request-Id", ""),
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        invoked_function_arn=headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
        deadline_ms=int(headers.get("Lambda-Runtime-Deadline-Ms", "0")),
        memory_limit_in_mb=int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")),
    )
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    started = time.perf_counter()
    error: BaseException | None = None
    result = b"null"
    try:
        result = msgspec.json.encode(handler(msgspec.json.decode(body), context))
    except Exception as exc:
        error = exc
    # Before the answer: once it is given, the environment may be frozen at any moment.
    log(
        "invocation_failed" if error else "invocation_finished",
        level="error" if error else "info",
        function=context.function_name,
        request_id=context.aws_request_id,
        duration_ms=round((time.perf_counter() - started) * 1000, 1),
        **({"error_type": type(error).__name__, "error": str(error)[:_CAUSE_CHARACTERS]} if error else {}),
    )
    if error is None:
        api.succeed(context.aws_request_id, result)
    else:
        api.fail(context.aws_request_id, error)


def _error_header(exc: BaseException) -> dict[str, str]:
    return {"Lambda-Runtime-Function-Error-Type": type(exc).__name__}


def _described(exc: BaseException) -> bytes:
    return msgspec.json.encode(
        {
            "errorType": type(exc).__name__,
            "errorMessage": str(exc)[:_CAUSE_CHARACTERS],
            "stackTrace": traceback.format_tb(exc.__traceback__)[-_FRAMES_REPORTED:],
        }
    )


def main() -> None:
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    name = sys.argv[1] if len(sys.argv) > 1 else os.environ["_HANDLER"]
    try:
        handler = load_handler(name)
        prepare(name)
    except Exception as exc:
        log("handler_not_ready", level="error", handler=name, error=f"{type(exc).__name__}: {exc}")
        api.fail_to_start(exc)
        sys.exit(1)
    serve(api, handler)


if __name__ == "__main__":
    main()
