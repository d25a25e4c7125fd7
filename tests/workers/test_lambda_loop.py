"""The Lambda runtime: a process that speaks the runtime API, here with a runtime API of this test."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
_HANDLERS = """
from workers.runtime.errors import Misconfigured, TransientFault

prepared = []

def prepare():
    prepared.append("before the first event")

def preparations(event, context):
    return prepared

def echo(event, context):
    return {
        "event": event,
        "request": context.aws_request_id,
        "function": context.function_name,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(),
    }

def fail(event, context):
    if event["with"] == "TransientFault":
        raise TransientFault("ticketing could not be reached")
    if event["with"] == "Misconfigured":
        raise Misconfigured("no URL")
    if event["with"] == "a secret of 10,000 characters":
        raise ValueError("x" * 10_000)
    if event["with"] == "an answer that is not JSON":
        return object()
    return "well"
"""


@dataclass
class RuntimeApi:
    """What Lambda offers inside a function: the next event to ask for, and where to leave what became of it."""

    events: "queue.Queue[tuple[str, Any] | None]" = field(default_factory=queue.Queue)
    posted: "queue.Queue[tuple[str, Any, dict[str, str]]]" = field(default_factory=queue.Queue)
    address: str = ""

    def became(self) -> tuple[str, Any, dict[str, str]]:
        """`(path, body, headers)` of the next answer."""
        return self.posted.get(timeout=20)


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    offered = RuntimeApi()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            found = offered.events.get()
            if found is None:
                # Lambda ends the environment: the connection goes away without an answer.
                self.close_connection = True
                return
            request_id, event = found
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:of:the:function")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 20_000))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            offered.posted.put((self.path, body, dict(self.headers)))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    offered.address = f"127.0.0.1:{server.server_port}"
    yield offered
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def handlers(tmp_path: Path) -> Path:
    (tmp_path / "handlers.py").write_text(_HANDLERS, encoding="utf-8")
    return tmp_path


def start(api: RuntimeApi, handlers: Path, handler: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "workers.runtime.lambda_loop"],
        env={
            "PYTHONPATH": f"{_ROOT}:{handlers}",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "bilhetagem-echo",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "_HANDLER": handler,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(api: RuntimeApi, process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    """Takes the environment away; gives the log lines. Nothing may have been written to standard error."""
    api.events.put(None)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_an_event_is_answered_with_what_the_handler_gives(api: RuntimeApi, handlers: Path) -> None:
    """One after the other in one process; the handler knows its invocation and how much time is left."""
    process = start(api, handlers, "handlers:echo")
    for number in (1, 2):
        api.events.put((f"request-{number}", {"number": number, "text": "São Paulo"}))
        path, body, _ = api.became()
        assert path == f"/2018-06-01/runtime/invocation/request-{number}/response"
        assert 0 < body.pop("left") <= 20_000
        assert body == {
            "event": {"number": number, "text": "São Paulo"},
            "request": f"request-{number}",
            "function": "bilhetagem-echo",
            "arn": "arn:of:the:function",
            "memory": 256,
        }

    lines = end(api, process)
    assert [(line["event"], line["request_id"]) for line in lines] == [
        ("invocation_finished", "request-1"),
        ("invocation_finished", "request-2"),
    ]
    assert "São Paulo" not in str(lines)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("TransientFault", "TransientFault"),
        ("Misconfigured", "Misconfigured"),
        ("a secret of 10,000 characters", "ValueError"),
        ("an answer that is not JSON", "TypeError"),
    ],
)
def test_what_is_raised_is_reported_by_its_class(api: RuntimeApi, handlers: Path, fault: str, error: str) -> None:
    """State machines retry and catch by this name; and the process lives on for the next event."""
    process = start(api, handlers, "handlers:fail")
    api.events.put(("failing", {"with": fault}))
    path, body, headers = api.became()
    assert path == "/2018-06-01/runtime/invocation/failing/error"
    assert headers["Lambda-Runtime-Function-Error-Type"] == body["errorType"] == error
    assert 0 < len(body["errorMessage"]) <= 4_000
    assert body["stackTrace"]

    api.events.put(("next", {"with": "nothing"}))
    assert api.became()[:2] == ("/2018-06-01/runtime/invocation/next/response", "well")
    failed, finished = end(api, process)
    assert (failed["event"], failed["level"], failed["error_type"]) == ("invocation_failed", "error", error)
    assert finished["event"] == "invocation_finished"


def test_what_takes_long_is_done_once_before_the_first_event(api: RuntimeApi, handlers: Path) -> None:
    """While Lambda waits for the function to start, outside the time limit of any invocation."""
    process = start(api, handlers, "handlers:preparations")
    for number in (1, 2):
        api.events.put((f"request-{number}", {}))
        assert api.became()[1] == ["before the first event"]
    end(api, process)


def test_a_function_that_cannot_be_prepared_fails_the_start(api: RuntimeApi, tmp_path: Path) -> None:
    """Its environment lacks something, say: told by its class, before the first event."""
    source = """
from workers.runtime.errors import Misconfigured

def prepare():
    raise Misconfigured("no URL")

handler = print
"""
    (tmp_path / "handlers.py").write_text(source, encoding="utf-8")
    process = start(api, tmp_path, "handlers:handler")
    path, body, _ = api.became()
    process.communicate(timeout=20)

    assert (process.returncode, path) == (1, "/2018-06-01/runtime/init/error")
    assert body["errorType"] == "Misconfigured"


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("nowhere:handler", "ModuleNotFoundError"),
        ("handlers:nothing", "AttributeError"),
        ("handlers.echo", "ValueError"),
    ],
)
def test_a_handler_that_is_not_there_fails_the_start(api: RuntimeApi, handlers: Path, handler: str, error: str) -> None:
    """Said to Lambda before the first event, so that nobody waits for the time limit."""
    process = start(api, handlers, handler)
    path, body, headers = api.became()
    out, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert path == "/2018-06-01/runtime/init/error"
    assert headers["Lambda-Runtime-Function-Error-Type"] == body["errorType"] == error
    assert json.loads(out)["event"] == "handler_not_ready"
