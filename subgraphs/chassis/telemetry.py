"""Structured logs as JSON lines: an event in the past tense with fields, never personal data."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

# Their messages quote the row that failed: "Key (email)=(…) already exists".
_QUOTING_MODULES = ("sqlalchemy", "asyncpg", "pydantic")


def configure_logging(service: str, level: str) -> None:
    """Send structlog and the standard library's logs (uvicorn's too) as JSON lines to stdout."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _format_exception,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.INFO))
    # Resolver errors are logged once, by the masking extension.
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL + 1)
    # Their INFO lines say what ours say better.
    for noisy in ("botocore", "alembic", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


class _StandardOutput:
    """Whatever stdout is when a line is written, not when logging was configured."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, message: str) -> None:
        sys.stdout.write(message + "\n")
        sys.stdout.flush()

    log = debug = info = warning = error = critical = exception = fatal = msg


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)


def _to_json(event: EventDict, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _format_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Frames and exception types; messages only of exceptions that do not quote data."""
    exc_info = event.pop("exc_info", None)
    if not exc_info:
        return event
    if isinstance(exc_info, tuple):
        exc = exc_info[1]
    else:
        exc = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    lines: list[str] = []
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen and len(lines) < 400:
        seen.add(id(exc))
        quotes = type(exc).__module__.startswith(_QUOTING_MODULES)
        lines += traceback.format_tb(exc.__traceback__, limit=-40)
        lines.append(f"{type(exc).__module__}.{type(exc).__qualname__}" + ("" if quotes else f": {exc}"))
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    event["exception"] = "\n".join(line.rstrip() for line in lines)
    return event
