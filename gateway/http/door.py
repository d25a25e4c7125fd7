"""GraphQL over HTTP (draft of the GraphQL Foundation) as a raw ASGI application."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import structlog

from gateway.federation import Engine, EngineResponse, GraphQLRequest, RequestRefused
from gateway.http.address import read_address
from gateway.http.admission import Admissions, Admitted, Overloaded
from gateway.http.asgi import Header, Receive, Scope, Send, read_headers, respond
from gateway.http.body import read_body
from gateway.http.caller import Authenticate, Caller, NotAuthenticated
from gateway.http.departures import Departures
from gateway.http.events import EVENTS
from gateway.http.guards import refuse_other_sites, require_json
from gateway.http.limits import DoorLimits
from gateway.http.locale import locale_headers
from gateway.http.multipart import incremental_format, multipart
from gateway.http.negotiation import CONTENT_TYPES, Answer, PartsWanted, choose_answer, choose_parts
from gateway.http.page import GraphiQLPage
from gateway.http.parameters import Parameters, read_json, read_url
from gateway.http.refusals import ClientGone, HttpRefusal, error_body, overloaded
from gateway.http.socket import Socket
from gateway.http.streaming import Framing, stream_bodies, to_its_end
from gateway.http.streams import Streams

log = structlog.get_logger(__name__)

_ALLOW: Header = (b"allow", b"GET, POST")
_ALLOW_POST: Header = (b"allow", b"POST")
# Answers differ by these, should anything on the way ever keep one.
_VARY: Header = (b"vary", b"Accept, Accept-Language, Authorization")


class GraphQLDoor:
    """Answers `http` and `websocket` scopes of one path. `page` is shown to browsers where there is one."""

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticate,
        *,
        limits: DoorLimits | None = None,
        page: GraphiQLPage | None = None,
    ) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._limits = limits or DoorLimits()
        self._page = page
        self._streams = Streams(self._limits)
        self._admissions = Admissions(self._limits.queries, self._limits.mutations)
        self._departures = Departures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = Socket(self._engine, self._authenticate, self._limits, self._streams, self._admissions)
            await socket.serve(scope, receive, send)
            return
        headers = read_headers(scope)
        accepted = headers.get(b"accept")
        accept = None if accepted is None else accepted.decode("latin-1")
        answer = choose_answer(accept, self._page is not None and scope["method"] == "GET")
        parts = choose_parts(accept) if accept is not None and "multipart" in accept else None
        content_type = CONTENT_TYPES["graphql" if answer == "graphql" else "json"]
        try:
            await self._answer(scope, headers, answer, parts, receive, send)
        except HttpRefusal as refusal:
            await respond(send, refusal.status, refusal.body, content_type, refusal.headers)
        except NotAuthenticated as exc:
            code = "UNAUTHENTICATED" if exc.status == 401 else "SERVICE_UNAVAILABLE"
            more = ((b"www-authenticate", b"Bearer"),) if exc.status == 401 else ()
            await respond(send, exc.status, error_body(str(exc), code), content_type, more)
        except ClientGone:
            return

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        answer: Answer | None,
        parts: PartsWanted | None,
        receive: Receive,
        send: Send,
    ) -> None:
        method = scope["method"]
        if method not in {"GET", "POST"}:
            raise HttpRefusal(405, "Send GET or POST.", "METHOD_NOT_ALLOWED", (_ALLOW,))
        if answer is None and parts is None:
            offered = "application/graphql-response+json, application/json, multipart/mixed or text/event-stream"
            raise HttpRefusal(406, f"This is answered as {offered}.", "NOT_ACCEPTABLE")
        if answer == "html" and self._page is not None:
            await self._page.show(send)
            return
        if method == "POST":
            require_json(headers)
            body = await read_body(receive, headers.get(b"content-length"), self._limits)
        else:
            refuse_other_sites(headers)
            body = b""
        lane = self._admissions.of_text(body)
        try:
            place = lane.take() or await lane.enter()
        except Overloaded as exc:
            raise overloaded(exc.retry_after) from exc
        try:
            parameters = read_json(body) if method == "POST" else read_url(scope["query_string"])
            authorization = headers.get(b"authorization")
            caller = await self._authenticate(None if authorization is None else authorization.decode("latin-1"))
            if method == "GET":
                self._refuse_mutation(parameters)
            language = headers.get(b"accept-language")
            request = self._request(parameters, caller, None if language is None else language.decode("latin-1"))
            if answer == "events":
                await self._stream(request, caller, place, scope, receive, send)
            elif parts is not None and (answer is None or self._comes_in_parts(request)):
                bodies = self._engine.execute_in_parts(request, incremental_format(parts))
                if not self._may_stop(request):
                    bodies = to_its_end(bodies)
                await self._send_stream(bodies, multipart(parts), caller, scope, receive, send)
            elif answer is not None:
                with self._departures.watching(receive, lambda: self._may_stop(request)):
                    response = await self._execute(request)
                place.leave()
                # In the older media type a refused document is told apart by its body alone.
                status = 400 if answer == "graphql" and response.kind == "request_error" else 200
                await respond(send, status, response.body, CONTENT_TYPES[answer], (_VARY,))
        finally:
            place.leave()

    async def _execute(self, request: GraphQLRequest) -> EngineResponse:
        """A fault of ours is logged, and told without what it was."""
        try:
            return await self._engine.execute_detailed(request)
        except Exception as exc:
            log.exception("request_failed")
            raise HttpRefusal(500, "Unexpected error.", "INTERNAL_SERVER_ERROR") from exc

    def _may_stop(self, request: GraphQLRequest) -> bool:
        """A mutation that was begun is brought to its end, whoever waits for it."""
        try:
            return self._engine.operation_kind(request.query, request.operation_name) == "query"
        except RequestRefused:
            return True

    def _comes_in_parts(self, request: GraphQLRequest) -> bool:
        try:
            return self._engine.is_incremental(request.query, request.operation_name)
        except RequestRefused:
            return False  # the engine answers it in full

    def _refuse_mutation(self, parameters: Parameters) -> None:
        try:
            kind = self._engine.operation_kind(parameters.query, parameters.operation_name)
        except RequestRefused:
            return  # the engine answers it in full
        if kind == "mutation":
            raise HttpRefusal(405, "Mutations need POST.", "METHOD_NOT_ALLOWED", (_ALLOW_POST,))

    def _request(self, parameters: Parameters, caller: Caller, language: str | None) -> GraphQLRequest:
        return GraphQLRequest(
            query=parameters.query,
            operation_name=parameters.operation_name,
            variables=parameters.variables,
            extensions=parameters.extensions,
            identity=caller.identity,
            headers=locale_headers(language),
            deadline=asyncio.get_running_loop().time() + self._limits.request_seconds,
        )

    async def _stream(
        self, request: GraphQLRequest, caller: Caller, place: Admitted, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            kind = self._engine.operation_kind(request.query, request.operation_name)
        except RequestRefused as refused:
            await respond(send, 400, refused.body, CONTENT_TYPES["json"])
            return
        if kind == "subscription":
            request.deadline = None
            # It has a place among the streams, and takes none from those who want one answer.
            place.leave()
        bodies = self._engine.subscribe(request)
        if kind == "mutation":
            bodies = to_its_end(bodies)
        await self._send_stream(bodies, EVENTS, caller, scope, receive, send)

    async def _send_stream(
        self,
        bodies: AsyncGenerator[bytes],
        framing: Framing,
        caller: Caller,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        stream = self._streams.open(read_address(scope, self._limits.trusted_proxies), caller.identity)
        if stream is None:
            raise HttpRefusal(503, "Too many streams are open.", "SERVICE_UNAVAILABLE", retry_after=5)
        try:
            beat = self._limits.keep_alive_seconds
            await stream_bodies(bodies, framing, caller.expires_at, beat, receive, send)
        finally:
            stream.close()
