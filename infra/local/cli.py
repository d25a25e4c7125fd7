"""The command line `bilhetagem`.

Commands are imported when they are called: `--help` must be instant, and work where the extra `local` is absent.
"""

from typing import Annotated

import typer

from infra.local.commands import dlq, down, logs, plan, reconcile, sandbox, status, up
from infra.local.commands.schema import app as schema

app = typer.Typer(
    name="bilhetagem",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"bilhetagem {version('bilhetagem')}")
        raise typer.Exit


@app.callback()
def bilhetagem(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Tickets and concessions for networks of events behind one federated GraphQL schema."""


app.command("up")(up.up)
app.command("down")(down.down)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("plan")(plan.plan)
app.command("reconcile")(reconcile.reconcile)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(dlq.app, name="dlq")
app.add_typer(schema, name="schema")
