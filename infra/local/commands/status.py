"""`bilhetagem status`: what runs, where, and who can sign in."""

import json
from typing import Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as data.")] = False,
    home: HomeOption = None,
) -> None:
    """Show the running platform: addresses, demo sign-ins, and how each part is."""
    with faults_as_sentences():
        from msgspec import to_builtins

        record = home_of(home).record()
    if as_json:
        typer.echo(json.dumps({**record.status, "parts": to_builtins(record.parts)}, ensure_ascii=False, indent=2))
        return
    for name in ("graphiql", "gateway", "mailbox", "sandbox"):
        typer.echo(f"{name:16}{record.status[name]}")
    for name, url in record.status["subgraphs"].items():
        typer.echo(f"  {name:14}{url}")
    for role, account in record.status["demo"].items():
        typer.echo(f"{role:16}{account['email']}  {account['password']}")
    typer.echo("")
    for name, part in record.parts.items():
        restarted = f"  started again {part.restarts} ×" if part.restarts else ""
        typer.echo(f"{name:16}{part.state:9} since {part.since:%Y-%m-%d %H:%M:%S}{restarted}")
        if part.last_death is not None:
            typer.echo(f"{'':16}{part.last_death}")
