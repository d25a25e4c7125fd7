"""The functions behind the internal API Gateway."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from subgraphs.suggestions import lambdas
from subgraphs.suggestions.settings import Settings
from tests.subgraphs.suggestions.conftest import FEEDBACK, SUGGEST, Tokens, question


@pytest.fixture(autouse=True)
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The functions are wired from their environment, as on AWS."""
    monkeypatch.setenv("SUGGESTIONS_TABLE", settings.suggestions_table)
    monkeypatch.setenv("SIGNALS_TABLE", settings.signals_table)
    monkeypatch.setenv("SERVICE_TOKEN_JWKS", settings.service_token_jwks)
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(settings.aws_endpoint_url))
    lambdas._wire.cache_clear()
    yield
    lambdas._wire.cache_clear()


def proxied(headers: dict[str, str], body: Any, *, method: str = "POST", encoded: bool = False) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {
        "version": "2.0",
        "headers": headers,
        "requestContext": {"http": {"method": method}},
        "body": base64.b64encode(text.encode()).decode() if encoded else text,
        "isBase64Encoded": encoded,
    }


def test_a_suggestion_is_made_by_one_function_and_answered_at_the_other(tokens: Tokens) -> None:
    headers = tokens.headers(uuid4())
    asked = {"query": SUGGEST, "variables": question([("PRODUCT", uuid4())]), "operationName": "Suggest"}
    answer = lambdas.suggest_handler(proxied(headers, asked, encoded=True), None)
    assert answer["statusCode"] == 200
    (shown,) = json.loads(answer["body"])["data"]["suggest"]
    told = {"query": FEEDBACK, "variables": {"input": {"suggestionId": shown["id"], "outcome": "ACCEPTED"}}}
    answer = lambdas.feedback_handler(proxied(headers, told), None)
    payload = json.loads(answer["body"])["data"]["recordSuggestionFeedback"]
    assert payload["errors"] == []
    assert payload["suggestion"]["status"] == "ACCEPTED"


def test_each_function_takes_its_own_kind_of_operation_only(tokens: Tokens) -> None:
    headers = tokens.headers(uuid4())
    told = {"query": FEEDBACK, "variables": {"input": {"suggestionId": "x", "outcome": "ACCEPTED"}}}
    assert lambdas.suggest_handler(proxied(headers, told), None)["statusCode"] == 400
    assert lambdas.feedback_handler(proxied(headers, {"query": "{ __typename }"}), None)["statusCode"] == 400


def test_without_a_token_for_this_service_nothing_is_answered(tokens: Tokens) -> None:
    foreign = tokens.headers(uuid4(), audience="payments")
    for headers in ({}, foreign, {"authorization": "Bearer garbage"}):
        assert lambdas.suggest_handler(proxied(headers, {"query": "{ __typename }"}), None)["statusCode"] == 401


def test_what_is_no_graphql_request_is_refused(tokens: Tokens) -> None:
    headers = tokens.headers(uuid4())
    for status, event in (
        (400, proxied(headers, "not json")),
        (400, proxied(headers, [])),
        (400, {**proxied(headers, "x"), "isBase64Encoded": True, "body": "%"}),
        (405, proxied(headers, {"query": "{ __typename }"}, method="GET")),
        (413, proxied(headers, "x" * 1_000_001)),
    ):
        assert lambdas.suggest_handler(event, None)["statusCode"] == status
