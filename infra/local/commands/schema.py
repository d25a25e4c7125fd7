"""`bilhetagem schema`: the composed schema and who answers which field."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from infra.local.commands.telling import faults_as_sentences

app = typer.Typer(help="Compose the subgraphs' schemas, check them, find a field's owner.", no_args_is_help=True)


@app.command()
def export() -> None:
    """Write every subgraph's SDL as its code says it."""
    from infra.local.composition.supergraph import printed_sdl, sdl_files

    for name, file in sdl_files().items():
        _write(file, printed_sdl(name))


@app.command()
def compose() -> None:
    """Export, then compose gateway/supergraph.graphql and schema.graphql."""
    from infra.local.composition import supergraph

    export()
    with faults_as_sentences():
        composed = supergraph.compose({name: file.read_text() for name, file in supergraph.sdl_files().items()})
        _write(supergraph.SUPERGRAPH, composed.supergraph)
        _write(supergraph.SCHEMA, composed.schema)


@app.command()
def check(
    against: Annotated[str, typer.Option(help="The commit whose public schema clients rely on.")] = "HEAD",
) -> None:
    """Fail when SDL files or the composed files are not what the code says, or when a change breaks clients."""
    from infra.local.composition import supergraph
    from infra.local.composition.changes import breaking_changes

    problems: list[str] = []
    for name, file in supergraph.sdl_files().items():
        if not file.exists() or file.read_text() != supergraph.printed_sdl(name):
            problems.append(f"{_short(file)} is not what the code of {name} prints: run `bilhetagem schema export`.")
    with faults_as_sentences():
        composed = supergraph.compose({name: supergraph.printed_sdl(name) for name in supergraph.sdl_files()})
    for file, text in ((supergraph.SUPERGRAPH, composed.supergraph), (supergraph.SCHEMA, composed.schema)):
        if not file.exists() or file.read_text() != text:
            problems.append(f"{_short(file)} is not what the subgraphs compose to: run `bilhetagem schema compose`.")
    before = _committed(supergraph.SCHEMA, against)
    if before is None:
        typer.echo(f"No public schema at {against}: nothing to compare with.")
    else:
        problems += [f"Breaks clients: {change}" for change in breaking_changes(before, composed.schema)]
    if problems:
        typer.echo("\n".join(problems), err=True)
        raise typer.Exit(1)
    typer.echo("The schemas compose, are what the code says, and break nobody.")


@app.command()
def owner(coordinate: Annotated[str, typer.Argument(help="Type.field, for instance Event.combos")]) -> None:
    """Name the subgraph that answers a field, and the line of code."""
    from infra.local.composition.owners import owners_of
    from infra.local.composition.supergraph import SUPERGRAPH

    with faults_as_sentences():
        for found in owners_of(SUPERGRAPH.read_text(), coordinate):
            typer.echo(f"{found.subgraph}  {found.place or '(no code of that name: a plain attribute)'}")


def _write(file: Path, text: str) -> None:
    if file.exists() and file.read_text() == text:
        return
    file.write_text(text)
    typer.echo(f"wrote {_short(file)}")


def _short(file: Path) -> str:
    from infra.local.composition.supergraph import CHECKOUT

    return str(file.relative_to(CHECKOUT))


def _committed(file: Path, commit: str) -> str | None:
    """The file at `commit`; None when that commit has none, or this is no checkout."""
    shown = subprocess.run(  # noqa: S603 (our own arguments)
        ["git", "show", f"{commit}:{_short(file)}"],  # noqa: S607 (git is found as everything is)
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return shown.stdout if shown.returncode == 0 else None
