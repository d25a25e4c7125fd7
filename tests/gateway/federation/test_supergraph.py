"""What a supergraph has to say before it is served, and what it may say in other words."""

import pytest

from gateway.federation import Engine, RequestRefused, SupergraphError

_BODY = """
enum join__Graph { A @join__graph(name: "a", url: "http://a.test/") }
type Query @join__type(graph: A) { event: String secret: String @%s }
"""


def _supergraph(*links: str, hiding: str = "inaccessible") -> str:
    return f"schema {' '.join(links)} {{ query: Query }}" + _BODY % hiding


JOIN = '@link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION)'


@pytest.mark.parametrize(
    "link",
    [
        '@link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)',
        '@link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY)',
        '@link(url: "https://specs.apollo.dev/join/v9.9", for: EXECUTION)',
        '@link(url: "https://example.test/billing/v1.0", for: EXECUTION)',
        '@core(feature: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)',
    ],
)
def test_a_needed_feature_that_is_not_supported_refuses_the_supergraph(link: str) -> None:
    """Else what it protects would be served unprotected: `for: SECURITY` and `for: EXECUTION` say so."""
    with pytest.raises(SupergraphError, match="cannot be served without https://"):
        Engine(_supergraph(JOIN, link), transports={})


@pytest.mark.parametrize(
    "link",
    [
        '@link(url: "https://specs.apollo.dev/link/v1.0")',
        '@link(url: "https://specs.apollo.dev/tag/v0.3")',
        '@link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY)',
        '@link(url: "https://specs.apollo.dev/cost/v0.1")',
        '@link(url: "https://example.test/notes/v1.0")',
    ],
)
def test_features_that_are_known_or_not_needed_are_served(link: str) -> None:
    assert Engine(_supergraph(JOIN, link), transports={}).plan("{ event }").fetches == 1


def test_a_feature_may_have_another_name() -> None:
    link = '@link(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "hidden", for: SECURITY)'
    engine = Engine(_supergraph(JOIN, link, hiding="hidden"), transports={})
    with pytest.raises(RequestRefused, match="Cannot query field 'secret'"):
        engine.plan("{ secret }")


@pytest.mark.parametrize(
    ("sdl", "said"),
    [
        ("type Query { event: String }", "names no subgraphs"),
        ("type Query {", "does not parse"),
        ("", "does not parse"),
    ],
)
def test_what_is_no_supergraph_is_told_in_a_sentence(sdl: str, said: str) -> None:
    with pytest.raises(SupergraphError, match=said):
        Engine(sdl, transports={})


def test_join_directives_are_not_in_the_public_schema() -> None:
    sdl = Engine(_supergraph(JOIN), transports={}).api_sdl
    assert "join__" not in sdl
    assert "secret" not in sdl
