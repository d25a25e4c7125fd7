"""What workers ask, held against the committed SDL of the service that they ask it of."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import parse, validate

from tests.workers.subgraphs import schema_of

_WORKERS = Path(__file__).parents[2] / "workers"


def _asked() -> Iterator[tuple[str, str, str, str]]:
    """`(module, line's document name, service, document)` of each `….ask("service", DOCUMENT, …)` in the workers."""
    for path in sorted(_WORKERS.rglob("*.py")):
        module = ".".join(path.relative_to(_WORKERS.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "ask"
                and len(node.args) > 1
            ):
                service, document = node.args[:2]
                assert isinstance(service, ast.Constant), f"{module}: ask() with a service that is no constant"
                name = document.attr if isinstance(document, ast.Attribute) else ast.unparse(document)
                found = importlib.import_module(module)
                home = found if hasattr(found, name) else found.documents
                yield module, name, str(service.value), getattr(home, name)


ASKED = list(_asked())


def test_every_document_is_found() -> None:
    """The search above sees what is there: a document that nobody asks with would not be checked below."""
    declared = {
        name
        for path in _WORKERS.rglob("*.py")
        for name, value in vars(importlib.import_module(_module(path))).items()
        if name.isupper() and isinstance(value, str) and value.lstrip().startswith(("mutation", "query"))
    }
    assert {name for _, name, _, _ in ASKED} == declared
    asked = {service for _, _, service, _ in ASKED}
    assert asked == {"ticketing", "payments", "concessions", "customers", "notifications"}


@pytest.mark.parametrize(
    ("service", "document"), [pytest.param(service, text, id=f"{name}") for _, name, service, text in ASKED]
)
def test_the_service_can_answer_the_document(service: str, document: str) -> None:
    assert validate(schema_of(service), parse(document)) == []


def test_a_document_that_no_service_can_answer_is_noticed() -> None:
    errors = validate(schema_of("payments"), parse("mutation { refundPayment(input: {}) { refundedAt } }"))
    assert len(errors) == 4


def _asked_by_the_gateway() -> Iterator[str]:
    for path in sorted((_WORKERS.parent / "gateway" / "experience").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                # One is completed at run time; its place is held by a name that every type has.
                if text.startswith(("query ", "mutation ")) and "{" in text:
                    yield text.replace("%s", "__typename")


@pytest.mark.parametrize(
    "document", [pytest.param(text, id=text.split("(")[0][:40]) for text in _asked_by_the_gateway()]
)
def test_a_service_can_answer_what_the_gateway_s_own_subgraph_asks(document: str) -> None:
    """It asks the services as the workers do: internal names must match here too."""
    services = ("ticketing", "payments", "concessions", "customers", "notifications", "suggestions")
    assert any(validate(schema_of(service), parse(document)) == [] for service in services)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(_WORKERS.parent).with_suffix("").parts)
