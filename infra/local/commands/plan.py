"""`bilhetagem plan`: how the gateway would answer a query."""

from pathlib import Path
from typing import Annotated

import typer

from infra.local.commands.telling import faults_as_sentences

_SUPERGRAPH = Path("gateway") / "supergraph.graphql"


def plan(
    query: Annotated[str, typer.Argument(help="A GraphQL document, or `@file`.")],
    supergraph: Annotated[Path | None, typer.Option(help="Another supergraph than the gateway's own.")] = None,
    operation: Annotated[str | None, typer.Option(help="Which operation of the document.", show_default=False)] = None,
) -> None:
    """Print the query plan: which subgraph is asked for what, in which order."""
    with faults_as_sentences():
        from gateway.federation import Engine, FederationError, RequestRefused, SupergraphError
        from infra.local.faults import LocalFault

        path = supergraph or Path(__file__).resolve().parents[3] / _SUPERGRAPH
        try:
            sdl = path.read_text()
            document = Path(query[1:]).read_text() if query.startswith("@") else query
        except OSError as exc:
            raise LocalFault(f"{exc.filename} cannot be read ({exc.strerror}).") from exc
        except UnicodeDecodeError as exc:
            raise LocalFault("The supergraph and the query must be UTF-8 text.") from exc
        try:
            # Planning asks nobody, so there is nothing to carry a request.
            answer = str(Engine(sdl, transports={}).plan(document, operation))
        except RequestRefused as exc:
            raise LocalFault(f"The gateway would refuse this query: {exc}") from exc
        except SupergraphError as exc:
            raise LocalFault(f"{path} cannot be served: {exc}.") from exc
        except FederationError as exc:
            raise LocalFault(f"This query cannot be planned: {exc}") from exc
    typer.echo(answer)
