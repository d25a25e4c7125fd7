"""`bilhetagem plan` prints the plan of any query over any supergraph, and says in a sentence why it cannot."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.local.cli import app

SUPERGRAPH = """
schema @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
enum join__Graph {
  FLEET @join__graph(name: "fleet", url: "http://fleet.test/")
  CREW @join__graph(name: "crew", url: "http://crew.test/")
}
type Query @join__type(graph: FLEET) @join__type(graph: CREW) { ship(id: ID!): Ship @join__field(graph: FLEET) }
type Ship @join__type(graph: FLEET, key: "id") @join__type(graph: CREW, key: "id") {
  id: ID! name: String @join__field(graph: FLEET) captain: String @join__field(graph: CREW)
}
"""

runner = CliRunner()


@pytest.fixture
def supergraph(tmp_path: Path) -> str:
    path = tmp_path / "ships.graphql"
    path.write_text(SUPERGRAPH)
    return str(path)


def test_any_supergraph_is_planned_for(supergraph: str) -> None:
    result = runner.invoke(app, ["plan", "--supergraph", supergraph, '{ ship(id: "1") { captain } }'])
    assert result.exit_code == 0, result.output
    assert "service: 'fleet'" in result.output
    assert "service: 'crew', after: [1]" in result.output
    assert "captain" in result.output


def test_without_a_supergraph_the_gateways_own_is_meant() -> None:
    result = runner.invoke(app, ["plan", "{ __typename events(first: 1) { edges { node { id } } } }"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("QueryPlan {")


def test_the_query_may_come_from_a_file(supergraph: str, tmp_path: Path) -> None:
    query = tmp_path / "query.graphql"
    query.write_text('query One { ship(id: "1") { name } }')
    result = runner.invoke(app, ["plan", "--supergraph", supergraph, f"@{query}"])
    assert result.exit_code == 0, result.output
    assert "crew" not in result.output


def test_variables_that_decide_about_selections_count_as_selecting(supergraph: str) -> None:
    query = 'query ($all: Boolean!) { ship(id: "1") { captain @include(if: $all) } }'
    result = runner.invoke(app, ["plan", "--supergraph", supergraph, query])
    assert result.exit_code == 0, result.output
    assert "crew" in result.output


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ boat }", "The gateway would refuse this query: Cannot query field 'boat'"),
        ("{ ship(", "The gateway would refuse this query: Syntax Error"),
        ("@absent.graphql", "absent.graphql cannot be read"),
    ],
)
def test_a_query_that_cannot_be_planned_is_one_sentence(supergraph: str, query: str, said: str) -> None:
    result = runner.invoke(app, ["plan", "--supergraph", supergraph, query])
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", [b"type Query { a: Int }", b"no SDL at all", b"\xff\xfe\x00"])
def test_what_is_no_supergraph_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.graphql"
    path.write_bytes(content)
    result = runner.invoke(app, ["plan", "--supergraph", str(path), "{ a }"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.output.strip()
