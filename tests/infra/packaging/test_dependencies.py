"""Whatever is imported is declared: what another package happens to bring may be gone with its next version."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OURS = frozenset({"gateway", "subgraphs", "workers", "infra", "tests", "benchmarks"})
# Only whoever changes the infrastructure runs these, with the development tools.
MAKES_THE_TEMPLATE = ("infra/stacks/", "infra/app.py")


def declared(*groups: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = {
        "run": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
        **project["dependency-groups"],
    }
    found: set[str] = set()
    for requirement in (requirement for group in groups for requirement in lists[group]):
        name, extras = re.match(r"([\w.-]+)(?:\[(.*?)\])?", requirement).groups()  # type: ignore[union-attr]
        found.add(normal(name))
        if name == "boto3-stubs":
            found |= {normal(f"mypy-boto3-{extra.strip()}") for extra in extras.split(",")}
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Imports(ast.NodeVisitor):
    """Top-level names that a module imports; those for the type checker alone are apart."""

    def __init__(self) -> None:
        self.run: set[str] = set()
        self.types: set[str] = set()
        self._into = self.run

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self._into = self.types
            for statement in node.body:
                self.visit(statement)
            self._into = self.run
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._into.update(alias.name.partition(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and node.module is not None:
            self._into.add(node.module.partition(".")[0])


def imports_of(source: str) -> Imports:
    imports = Imports()
    imports.visit(ast.parse(source))
    return imports


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (file for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts)


@cache
def distributions() -> Mapping[str, list[str]]:
    """By the name that is imported; reading it takes a second."""
    return packages_distributions()


def undeclared(names: set[str], allowed: set[str]) -> set[str]:
    """Those of `names` that no allowed distribution brings."""
    brings = distributions()
    return {
        name
        for name in names - OURS - set(sys.stdlib_module_names) - {"__future__"}
        if not {normal(distribution) for distribution in brings.get(name, [])} & allowed
    }


@pytest.mark.parametrize("room", ["gateway", "subgraphs", "workers"])
def test_what_the_product_imports_is_a_dependency(room: str) -> None:
    allowed, with_types = declared("run"), declared("run", "dev")
    for file in modules(room):
        imports = imports_of(file.read_text())
        assert undeclared(imports.run, allowed) == set(), file
        assert undeclared(imports.types, with_types) == set(), file


def test_what_the_local_platform_imports_is_in_its_extra() -> None:
    allowed, with_tools = declared("run", "local"), declared("run", "local", "dev")
    for file in modules("infra"):
        imports = imports_of(file.read_text())
        is_tool = str(file.relative_to(ROOT)).startswith(MAKES_THE_TEMPLATE)
        assert undeclared(imports.run, with_tools if is_tool else allowed) == set(), file
        assert undeclared(imports.types, with_tools) == set(), file


def test_what_tests_and_benchmarks_import_is_a_development_tool() -> None:
    allowed = declared("run", "local", "dev")
    for file in modules("tests", "benchmarks"):
        imports = imports_of(file.read_text())
        assert undeclared(imports.run | imports.types, allowed) == set(), file


def test_an_import_that_nobody_declared_is_found() -> None:
    source = "import os, yaml.nodes\nif TYPE_CHECKING:\n    import mypy_boto3_sqs\nelse:\n    from httpx import get"
    imports = imports_of(source)
    assert (imports.run, imports.types) == ({"os", "yaml", "httpx"}, {"mypy_boto3_sqs"})
    assert undeclared(imports.run, {"httpx"}) == {"yaml"}
