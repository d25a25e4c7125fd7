"""Logs as JSON lines, metrics as CloudWatch EMF lines and OpenTelemetry counters, and the trace of a request."""

import contextvars
import logging
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from opentelemetry import metrics

NAMESPACE: Final = "Bilhetagem"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Trace:
    """The W3C trace context of one request, and the id under which people find it again."""

    request_id: str
    trace_id: str
    flags: str = "00"

    def traceparent(self) -> str:
        """A header for one call onwards, with a span id of its own."""
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-{self.flags}"


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("trace", default=None)


def current_trace() -> Trace | None:
    return _current.get()


def read_trace(request_id: str | None, traceparent: str | None) -> Trace:
    """What the client sent, where it can be trusted to be short and clean; otherwise a new trace."""
    known = _TRACEPARENT.fullmatch(traceparent or "")
    clean = request_id if request_id and _REQUEST_ID.fullmatch(request_id) else uuid4().hex
    if known is None or known[1] == "0" * 32:
        return Trace(clean, secrets.token_hex(16))
    return Trace(clean, known[1], known[3])


@contextmanager
def traced(trace: Trace) -> Iterator[None]:
    """Everything inside logs, and forwards, this trace."""
    token = _current.set(trace)
    try:
        with structlog.contextvars.bound_contextvars(request_id=trace.request_id, trace_id=trace.trace_id):
            yield
    finally:
        _current.reset(token)


class Metrics:
    """Business counters. `count` prints one EMF line, which CloudWatch reads as a metric."""

    def __init__(self) -> None:
        self._meter = metrics.get_meter("bilhetagem")
        self._counters: dict[str, metrics.Counter] = {}

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """Dimensions have few values each: never an id, never personal data."""
        line = {
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [list(dimensions)],
                        "Metrics": [{"Name": name, "Unit": "Count"}],
                    }
                ],
            },
            name: value,
            **dimensions,
        }
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
        if name not in self._counters:
            self._counters[name] = self._meter.create_counter(name, unit="1")
        self._counters[name].add(value, dimensions)


def configure_logging(level: str) -> None:
    """structlog and the standard library's logs, uvicorn's too, as JSON lines on stdout."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    # A resolver's fault is logged once, by the experience subgraph.
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL + 1)
    for noisy in ("botocore", "httpx", "uvicorn.access", "websockets"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def _to_json(event: dict[str, Any], **_: Any) -> str:
    return msgspec.json.encode({"service": "gateway", **event}, enc_hook=str).decode()
