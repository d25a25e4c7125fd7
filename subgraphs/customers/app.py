"""Puts the customers service together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from subgraphs.chassis.app import Running, build_app
from subgraphs.customers.cpf_vault import cpf_vault
from subgraphs.customers.passwords import Passwords
from subgraphs.customers.resources import Resources
from subgraphs.customers.retention import RULES
from subgraphs.customers.schema import schema
from subgraphs.customers.settings import Settings
from subgraphs.customers.tokens import AccessTokens

router = APIRouter()


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without `settings` they are read from the environment."""
    return build_app(settings or Settings(), schema, resources=_open_resources, routers=[router], retention=RULES)


@asynccontextmanager
async def _open_resources(running: Running) -> AsyncIterator[Resources]:
    settings: Settings = running.settings
    signing_key = settings.access_token_signing_key.get_secret_value()
    passwords = Passwords()
    try:
        yield Resources(
            passwords,
            AccessTokens(signing_key, issuer=settings.access_token_issuer, audience=settings.access_token_audience),
            cpf_vault(settings),
        )
    finally:
        passwords.close()


@router.get("/.well-known/jwks.json")
async def jwks(request: Request) -> JSONResponse:
    """The public keys that access tokens are signed with (RFC 7517); no token is needed to read them."""
    resources: Resources = request.app.state.running.resources
    return JSONResponse(resources.access_tokens.jwks, headers={"Cache-Control": "public, max-age=300"})
