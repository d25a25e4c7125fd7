"""What each function may take of one machine: nobody takes what another needs."""

from infra.local.shares import ACCOUNT_CONCURRENCY, share_of
from tests.infra.stacks.conftest import Resources, resources, template  # noqa: F401 (fixtures)


def test_every_function_s_share_is_there_when_all_others_have_theirs(resources: Resources) -> None:  # noqa: F811
    """Otherwise a queue's function would be refused, and its batch stay invisible."""
    functions = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Function"]
    assert sum(share_of(function["FunctionName"]) for function in functions) <= ACCOUNT_CONCURRENCY
    assert all(share_of(function["FunctionName"]) <= function["ReservedConcurrentExecutions"] for function in functions)
