"""A GraphQL Federation v2 gateway engine, driven by a supergraph SDL alone."""

from gateway.federation.circuit import Breaker
from gateway.federation.engine import Engine
from gateway.federation.errors import (
    FederationError,
    InvalidPolicy,
    PlanningFailed,
    RequestRefused,
    SubgraphFailure,
    SubgraphMalformed,
    SubgraphOverloaded,
    SubgraphRejected,
    SubgraphStatus,
    SubgraphTimeout,
    SubgraphUnavailable,
    SupergraphError,
)
from gateway.federation.fallbacks import Constant, Fallback, FallbackContext, LastGood
from gateway.federation.incremental import IncrementalFormat
from gateway.federation.operation.incremental import INCREMENTAL_DIRECTIVES
from gateway.federation.planner.plan import Plan
from gateway.federation.policy import Field, Policies, Policy, Subgraph
from gateway.federation.request import EngineResponse, GraphQLRequest, SubgraphRequest, Transport
from gateway.federation.resilience import Guard
from gateway.federation.settings import EngineSettings, Limits
from gateway.federation.transport import HttpLimits, HttpTransport, InProcessTransport, SocketLimits, connect_subgraphs

__all__ = [
    "INCREMENTAL_DIRECTIVES",
    "Breaker",
    "Constant",
    "Engine",
    "EngineResponse",
    "EngineSettings",
    "Fallback",
    "FallbackContext",
    "FederationError",
    "Field",
    "GraphQLRequest",
    "Guard",
    "HttpLimits",
    "HttpTransport",
    "InProcessTransport",
    "IncrementalFormat",
    "InvalidPolicy",
    "LastGood",
    "Limits",
    "Plan",
    "PlanningFailed",
    "Policies",
    "Policy",
    "RequestRefused",
    "SocketLimits",
    "Subgraph",
    "SubgraphFailure",
    "SubgraphMalformed",
    "SubgraphOverloaded",
    "SubgraphRejected",
    "SubgraphRequest",
    "SubgraphStatus",
    "SubgraphTimeout",
    "SubgraphUnavailable",
    "SupergraphError",
    "Transport",
    "connect_subgraphs",
]
