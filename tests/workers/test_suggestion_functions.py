"""The two suggestion functions, deployed: what the template tells them is all that they need to start."""

import pytest

from tests.workers.deployed import Deployed


@pytest.mark.parametrize("function", ["suggest", "suggestion-feedback"])
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer of.no.service"}])
def test_nobody_is_answered_without_a_service_token(deployed: Deployed, function: str, headers: dict[str, str]) -> None:
    """A refusal, and not a function that fails to start for want of a setting."""
    event = {"headers": headers, "requestContext": {"http": {"method": "POST"}}, "body": "{}"}

    assert deployed.invoke(function, event)["statusCode"] == 401
