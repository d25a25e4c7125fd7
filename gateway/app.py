"""The gateway's composition root: settings in, ASGI application out. Only this module reads the environment."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.auth import AuthenticationRefused, Buyer, BuyerTokens, JwksKeys, KeysUnavailable, ServiceTokens
from gateway.collector import settle_collector
from gateway.experience.aws import AwsClients
from gateway.experience.clients.services import declare_services
from gateway.experience.context import Adapters
from gateway.experience.default_suggestions import DefaultItem, describe_defaults, read_defaults
from gateway.experience.payment_requests import PaymentRequests
from gateway.experience.request_queue import RequestQueue
from gateway.experience.resolvers.suggestions import DEFAULT_FIRST
from gateway.experience.subgraph import ExperienceSubgraph
from gateway.federation import Engine, EngineSettings, FallbackContext, HttpTransport, InProcessTransport, Limits
from gateway.http import Authenticate, Caller, DoorLimits, GraphiQLPage, GraphQLDoor, NotAuthenticated
from gateway.http.address import read_address
from gateway.http.page import ASSETS
from gateway.messages import in_their_language
from gateway.outgoing import OutgoingHeaders, ServiceCalls, client_address, experience_call
from gateway.parameter_store import ParameterStore
from gateway.policies import declare_calls, declare_policies
from gateway.scalars import CHECKS
from gateway.settings import SERVICES, Settings
from gateway.telemetry import Metrics, configure_logging, read_trace, traced
from gateway.weights import COST, SIZES, WEIGHTS

log = structlog.get_logger(__name__)

SUPERGRAPH: Final = Path(__file__).parent / "supergraph.graphql"
EXPERIENCE: Final = "experience"
# More than any call may take: what is taken for longer is lost.
_STUCK_SECONDS: Final = 30.0


class Gateway:
    """The ASGI application: `/graphql` raw, everything else by routes. `door` is there between startup and shutdown."""

    def __init__(self, settings: Settings, supergraph_sdl: str) -> None:
        self._settings = settings
        self._sdl = supergraph_sdl
        self._door: GraphQLDoor | None = None
        self._connections: dict[str, HttpTransport] = {}
        self._page = GraphiQLPage.load() if settings.development else None
        routes = [Route("/health/live", _live), Route("/health/ready", self._ready)]
        self._rest: ASGIApp = Starlette(routes=routes, lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._rest(scope, receive, send)
        elif scope["path"] == "/graphql" and self._door is not None:
            headers = dict(scope["headers"])
            trace = read_trace(_latin(headers.get(b"x-request-id")), _latin(headers.get(b"traceparent")))
            client_address.set(read_address(scope, self._settings.trusted_proxies))
            with traced(trace):
                await self._door(scope, receive, send)
        elif self._page is not None and scope["type"] == "http" and scope["path"].startswith(ASSETS):
            await self._page.serve_asset(scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _ready(self, _: Request) -> JSONResponse:
        """503 while it starts, and when it cannot call a service any more though that may be well: it is replaced."""
        if self._door is None:
            return JSONResponse({"status": "starting"}, status_code=503)
        stuck = sorted(name for name, one in self._connections.items() if one.is_stuck(_STUCK_SECONDS))
        if stuck:
            return JSONResponse({"status": "unready", "stuck": stuck}, status_code=503)
        return JSONResponse({"status": "ready"})

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self._door = await _open_door(self._settings, self._sdl, self._page, stack, self._connections)
            stack.callback(self._close_door)
            settle_collector()
            log.info("gateway_started")
            yield
        log.info("gateway_stopped")

    def _close_door(self) -> None:
        self._door = None


async def _open_door(
    settings: Settings,
    supergraph_sdl: str,
    page: GraphiQLPage | None,
    stack: AsyncExitStack,
    connections: dict[str, HttpTransport],
) -> GraphQLDoor:
    """`connections` is given those to services, by name."""
    http = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False, trust_env=False))
    service_tokens = ServiceTokens.from_pem(settings.service_token_private_key)
    outgoing = OutgoingHeaders(service_tokens)
    aws = AwsClients(settings.aws_region, settings.aws_endpoint_url)
    stack.callback(aws.close)
    urls = {service: settings.service_url(service) for service in SERVICES}
    defaults = ParameterStore(aws, settings.suggestions_default_parameter, read_defaults, show_defaults)
    for service, url in urls.items():
        connections[service] = HttpTransport(url, headers_for=outgoing.of_request)
        stack.push_async_callback(connections[service].close)
    adapters = Adapters(
        services=declare_services(),
        queue=RequestQueue(aws, settings.reservation_requests_table, settings.reservation_requests_queue_url),
        payments=PaymentRequests(aws, settings.reservation_requests_table),
        defaults=defaults,
        metrics=Metrics(),
    )
    calls = ServiceCalls.over(connections, declare_calls())
    experience = InProcessTransport(experience_call(ExperienceSubgraph(adapters), calls))
    engine = Engine(
        supergraph_sdl,
        transports={**connections, EXPERIENCE: experience},
        policies=declare_policies(defaults),
        settings=EngineSettings(
            limits=Limits(cost=COST, weights=WEIGHTS, sizes=SIZES),
            expose_plan=False,
            request_timeout=settings.request_timeout,
            scalars=CHECKS,
            messages=in_their_language,
        ),
    )
    issuer_keys = JwksKeys(settings.access_token_jwks_url, http)
    tokens = BuyerTokens(issuer_keys, settings.access_token_issuer, settings.access_token_audience)
    return GraphQLDoor(engine, _authenticate_with(tokens), limits=_limits_of(settings), page=page)


def _limits_of(settings: Settings) -> DoorLimits:
    return DoorLimits(
        body_bytes=settings.max_body_bytes,
        request_seconds=settings.request_timeout,
        streams=settings.max_streams,
        anonymous_streams=settings.max_anonymous_streams,
        arriving_streams=settings.max_anonymous_streams,
        streams_per_address=settings.streams_per_address,
        streams_per_caller=settings.streams_per_caller,
        idle_seconds=settings.idle_socket_seconds,
        trusted_proxies=settings.trusted_proxies,
    )


def show_defaults(items: tuple[DefaultItem, ...], context: FallbackContext) -> list[dict[str, Any]]:
    """The default suggestions as the field `suggestions` has them."""
    buyer = context.identity if isinstance(context.identity, Buyer) else None
    customer_id = None if buyer is None else buyer.customer_id
    return describe_defaults(items, customer_id, context.arguments.get("first", DEFAULT_FIRST))


def _authenticate_with(tokens: BuyerTokens) -> Authenticate:
    async def authenticate(authorization: str | None) -> Caller:
        try:
            known = await tokens.authenticate(authorization)
        except AuthenticationRefused as exc:
            status = 503 if isinstance(exc, KeysUnavailable) else 401
            raise NotAuthenticated(str(exc), status=status) from exc
        return Caller(known.buyer, known.expires_at)

    return authenticate


async def _live(_: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"})


def _latin(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def create_app(settings: Settings | None = None, *, supergraph_sdl: str | None = None) -> Gateway:
    """Raises pydantic's ValidationError for a faulty environment and FileNotFoundError before `schema compose` ran."""
    settings = settings or Settings()
    configure_logging(settings.log_level)
    return Gateway(settings, supergraph_sdl or SUPERGRAPH.read_text(encoding="utf-8"))
