"""What docs/engine.md shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.federation import Engine, InProcessTransport, SupergraphError, connect_subgraphs
from infra.local.cli import app

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "shop.py"
SUPERGRAPH = EXAMPLE.with_suffix(".graphql")


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_example_prints_a_plan_and_an_answer() -> None:
    printed = _run(str(EXAMPLE))
    plan, _, rest = printed.partition("4 fetches in 3 rounds\n")
    assert plan.startswith("QueryPlan {")
    assert "Fetch(id: 3, service: 'reviews', after: [1])" in plan
    assert msgspec.json.decode(rest)["data"]["topProducts"][0] == {
        "name": "Table",
        "inStock": True,
        "shippingEstimate": 50,
        "reviews": [
            {"body": "Love it!", "author": {"name": "Ada"}},
            {"body": "Could be better.", "author": {"name": "Alan"}},
        ],
    }


def test_the_first_program_of_the_page_runs() -> None:
    program = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "engine.md").read_text(), re.DOTALL)
    assert program is not None
    assert _run("-c", program[1]) == '2 2\n{"data":{"ship":{"name":"Beagle","captain":"FitzRoy"}}}\n'


def test_the_command_line_plans_for_the_examples_supergraph() -> None:
    query = "{ me { reviews { product { name } } } }"
    result = CliRunner().invoke(app, ["plan", "--supergraph", str(SUPERGRAPH), query])
    assert result.exit_code == 0, result.output
    assert result.output == f"{Engine(SUPERGRAPH.read_text(), transports={}).plan(query)}\n"


async def test_urls_of_the_supergraph_say_how_subgraphs_are_reached() -> None:
    async def call(_: object) -> dict[str, object]:
        return {"data": {}}

    within = InProcessTransport(call)
    async with connect_subgraphs(SUPERGRAPH.read_text(), in_process={"reviews": within}) as transports:
        assert list(transports) == ["products", "users", "inventory", "reviews"]
        assert transports["reviews"] is within


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ({}, "'reviews': nothing in this process is called 'reviews'"),
        ({"products": "ftp://products.example/"}, "'products': not a URL that HTTP can reach"),
        ({"users": ""}, "'users': not a URL that HTTP can reach"),
    ],
)
async def test_a_url_that_nothing_reaches_is_told_at_once(urls: dict[str, str], said: str) -> None:
    with pytest.raises(SupergraphError, match=said):
        async with connect_subgraphs(SUPERGRAPH.read_text(), urls=urls):
            pass
