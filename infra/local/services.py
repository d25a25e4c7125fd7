"""The processes of the platform: their ports, their programs, and the environment that each is handed.

The names of the variables are the same on AWS, where the task definitions set them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local import ministack
from infra.local.identity import Identity
from infra.local.postgres import APPLICATION_ROLE

# The order gives the ports: the gateway has the base port.
_PORTS_IN_ORDER = (
    "gateway",
    "ticketing",
    "payments",
    "concessions",
    "customers",
    "notifications",
    "suggestions",
    "sandbox",
    "mailbox",
    "ministack",
    "postgres",
)
SUBGRAPHS = ("ticketing", "payments", "concessions", "customers", "notifications", "suggestions")
WITH_DATABASE = ("ticketing", "payments", "concessions", "customers", "notifications")
SENDER_EMAIL = "ingressos@bilhetagem.example"
ACCESS_TOKEN_AUDIENCE = "bilhetagem"  # noqa: S105 (an audience is public)
PIX_CLIENT_ID = "bilhetagem"
PIX_KEY = "123e4567-e12b-12d1-a456-426655440000"
# Of the calling environment, what a program needs to find its way; nothing that could change what it does.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")


def inherited() -> dict[str, str]:
    """What every process of ours is handed of the calling environment."""
    return {key: value for key in _INHERITED if (value := os.environ.get(key))}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each process listens on 127.0.0.1, by name."""

    by_name: dict[str, int]

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        return cls({name: base + offset for offset, name in enumerate(_PORTS_IN_ORDER)})

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody uses now, all different; for tests."""
        from infra.local.postgres.server import free_ports

        return cls(dict(zip(_PORTS_IN_ORDER, free_ports(len(_PORTS_IN_ORDER)), strict=True)))

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.by_name[name]}"


# How uvicorn speaks HTTP for the gateway (docs/adr/0008).
GATEWAY_HTTP: Final = "gateway.http.server:GatheringProtocol"


@dataclass(frozen=True, slots=True)
class Service:
    """A web service of ours: `application` is the factory that uvicorn calls, `module:function`.

    `http` is how uvicorn speaks HTTP.
    """

    name: str
    application: str
    environment: dict[str, str]
    http: str = "httptools"

    def arguments(self, port: int) -> list[str]:
        """What uvicorn is called with."""
        return [
            *("--factory", self.application, "--host", "127.0.0.1", "--port", str(port)),
            # Nothing reads where a request came from: there is no reason to trust what a proxy says of it.
            *("--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning"),
            *("--http", self.http, "--ws", "websockets-sansio", "--ws-max-size", str(1 << 20)),
            *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "3"),
        ]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that decides what the processes are told: `outputs` are those of the deployed stack."""

    ports: Ports
    identity: Identity
    home: Path
    outputs: dict[str, str]

    def services(self) -> dict[str, Service]:
        """Every web service by name, each with its whole environment."""
        subgraphs = {
            name: Service(name, f"subgraphs.{name}.app:create_app", self._subgraph(name)) for name in SUBGRAPHS
        }
        return {
            **subgraphs,
            "sandbox": Service("sandbox", "infra.local.sandbox.app:create_app", self._sandbox()),
            "mailbox": Service("mailbox", "infra.local.mailbox:create_app", self._mailbox()),
            "gateway": Service("gateway", "gateway.app:create_app", self._gateway(), GATEWAY_HTTP),
        }

    def database_url(self, service: str) -> str:
        port = self.ports.by_name["postgres"]
        return f"postgresql+asyncpg://{APPLICATION_ROLE}:{self.identity.database_password}@127.0.0.1:{port}/{service}"

    def _all(self, name: str) -> dict[str, str]:
        return {
            **inherited(),
            **ministack.CREDENTIALS,
            "PYTHONUNBUFFERED": "1",
            "ENVIRONMENT": "development",
            "PORT": str(self.ports.by_name[name]),
            "AWS_ENDPOINT_URL": self.ports.url("ministack"),
            "AWS_REGION": ministack.REGION,
            "AWS_DEFAULT_REGION": ministack.REGION,
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
        }

    def _subgraph(self, name: str) -> dict[str, str]:
        identity, ports, outputs = self.identity, self.ports, self.outputs
        own: dict[str, dict[str, str]] = {
            "ticketing": {
                "RESERVATION_REQUESTS_TABLE": outputs["ReservationRequestsTable"],
                "TICKET_SIGNING_KEY": identity.ticket_signing_key,
            },
            "payments": {
                "PIX_BASE_URL": ports.url("sandbox"),
                "PIX_CLIENT_ID": PIX_CLIENT_ID,
                "PIX_CLIENT_SECRET": identity.pix_client_secret,
                "PIX_KEY": PIX_KEY,
                "PIX_WEBHOOK_SECRET": identity.pix_webhook_secret,
                "STRIPE_API_BASE": ports.url("sandbox"),
                "STRIPE_API_KEY": identity.stripe_api_key,
                "STRIPE_WEBHOOK_SECRET": identity.stripe_webhook_secret,
            },
            "concessions": {},
            "customers": {
                "ACCESS_TOKEN_SIGNING_KEY": identity.access_token_signing_key,
                "ACCESS_TOKEN_ISSUER": ports.url("customers"),
                "ACCESS_TOKEN_AUDIENCE": ACCESS_TOKEN_AUDIENCE,
                "DEMO_PASSWORD": identity.demo_password,
            },
            "notifications": {
                "SENDER_EMAIL": SENDER_EMAIL,
                "PUBLIC_BASE_URL": ports.url("gateway"),
                "EVENTS_QUEUE_URL": outputs["NotificationsEventsQueueUrl"],
            },
            "suggestions": {
                "SUGGESTIONS_TABLE": outputs["SuggestionsTable"],
                "SIGNALS_TABLE": outputs["SignalsTable"],
                "EVENTS_QUEUE_URL": outputs["SuggestionsEventsQueueUrl"],
            },
        }
        return {
            **self._all(name),
            **({"DATABASE_URL": self.database_url(name)} if name in WITH_DATABASE else {}),
            "EVENTS_TOPIC_ARN": outputs["DomainEventsTopicArn"],
            "SERVICE_TOKEN_JWKS": identity.service_token_jwks,
            **own[name],
        }

    def _sandbox(self) -> dict[str, str]:
        payments = self.ports.url("payments")
        return {
            **self._all("sandbox"),
            "PIX_WEBHOOK_URL": f"{payments}/webhooks/pix",
            "PIX_WEBHOOK_SECRET": self.identity.pix_webhook_secret,
            "PIX_CLIENT_ID": PIX_CLIENT_ID,
            "PIX_CLIENT_SECRET": self.identity.pix_client_secret,
            "STRIPE_WEBHOOK_URL": f"{payments}/webhooks/stripe",
            "STRIPE_WEBHOOK_SECRET": self.identity.stripe_webhook_secret,
            "STRIPE_API_KEY": self.identity.stripe_api_key,
            "SANDBOX_DATA": str(self.home / "sandbox"),
        }

    def _mailbox(self) -> dict[str, str]:
        return {**self._all("mailbox"), "MAILBOX_DATA": str(self.home / "mailbox")}

    def _gateway(self) -> dict[str, str]:
        return {
            **self._all("gateway"),
            **{f"{name.upper()}_URL": f"{self.ports.url(name)}/graphql" for name in SUBGRAPHS},
            "SERVICE_TOKEN_PRIVATE_KEY": self.identity.service_token_keys["gateway"],
            "ACCESS_TOKEN_ISSUER": self.ports.url("customers"),
            "ACCESS_TOKEN_AUDIENCE": ACCESS_TOKEN_AUDIENCE,
            "ACCESS_TOKEN_JWKS_URL": f"{self.ports.url('customers')}/.well-known/jwks.json",
            "RESERVATION_REQUESTS_TABLE": self.outputs["ReservationRequestsTable"],
            "RESERVATION_REQUESTS_QUEUE_URL": self.outputs["ReservationRequestsQueueUrl"],
            "SUGGESTIONS_DEFAULT_PARAMETER": self.outputs["SuggestionsDefaultParameter"],
        }
