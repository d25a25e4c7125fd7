"""The subgraphs as the workers see them: GraphQL over HTTP on 127.0.0.1, answering by field name as a test directs.

Other rooms test the real ones; here is only what crosses the wire: the field asked for, its input, its token. Every
operation is executed against the service's committed SDL, so that a document, an input or a directed answer that the
service's schema does not know fails the test that uses it.
"""

import functools
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync

Answer = Callable[[Any], Any]
_SUBGRAPHS = Path(__file__).parents[2] / "subgraphs"


@functools.cache
def schema_of(service: str) -> GraphQLSchema:
    """As committed: internal fields included. Federation's directives are not declared in a subgraph's SDL."""
    sdl = (_SUBGRAPHS / service / "schema.graphql").read_text(encoding="utf-8")
    return build_schema(sdl, assume_valid=True, assume_valid_sdl=True)


@dataclass(frozen=True)
class Call:
    service: str
    field: str
    given: Any
    token: str


class Down(Exception):
    """Raised by an answer: the service gives HTTP 503."""


class Refused(Exception):
    """Raised by an answer: a GraphQL error with this code."""


class Subgraphs:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        self._answers: dict[str, Answer] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = outer._serve(self.path.split("/")[1], body, self.headers.get("Authorization", ""))
                encoded = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> "Subgraphs":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{service}/graphql"

    def answer(self, **fields: Any) -> None:
        """`confirmReservation={...}`, or a function of the input (the variables' only value)."""
        with self._lock:
            for field, answer in fields.items():
                self._answers[field] = answer if callable(answer) else _always(answer)

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()
            self.calls.clear()

    def asked(self, field: str | None = None, **about: Any) -> list[Any]:
        """Inputs given to a field (or `(field, input)` of all), where the input has these values."""
        with self._lock:
            calls = list(self.calls)
        found = [
            call
            for call in calls
            if field in (None, call.field)
            and isinstance(call.given, dict | list)
            and (not about or _has(call.given, about))
        ]
        return [call.given if field else (call.field, call.given) for call in found]

    def by_service(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = defaultdict(list)
        with self._lock:
            for call in self.calls:
                found[call.service].append(call)
        return found

    def _serve(self, service: str, body: dict[str, Any], authorization: str) -> tuple[int, Any]:
        token = authorization.removeprefix("Bearer ")
        schema = schema_of(service)
        fields = {**(schema.query_type.fields if schema.query_type else {})}
        fields |= schema.mutation_type.fields if schema.mutation_type else {}
        resolvers = {name: functools.partial(self._resolve, service, name, token) for name in fields}
        result = graphql_sync(schema, body["query"], resolvers, variable_values=body["variables"])
        if any(isinstance(error.original_error, Down) for error in result.errors or ()):
            return 503, {"errors": [{"message": "down"}]}
        return 200, result.formatted

    def _resolve(self, service: str, field: str, token: str, info: object, **arguments: Any) -> Any:
        given = next(iter(arguments.values()), None)
        with self._lock:
            self.calls.append(Call(service, field, given, token))
            answer = self._answers.get(field)
        if answer is None:
            raise GraphQLError(f"nothing directed for {field}")
        try:
            return answer(given)
        except Refused as exc:
            raise GraphQLError("refused", extensions={"code": str(exc)}) from exc


def _has(given: Any, wanted: dict[str, Any]) -> bool:
    return isinstance(given, dict) and all(given.get(name) == value for name, value in wanted.items())


def _always(answer: Any) -> Answer:
    return lambda given: answer
