"""`bilhetagem logs`: what the processes wrote."""

from collections import deque
from typing import Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of


def logs(
    service: Annotated[str | None, typer.Argument(help="For instance `ticketing`; without it, all names.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many, from the end.")] = 100,
    home: HomeOption = None,
) -> None:
    """Show the end of a process's log, also when the platform is not running."""
    from infra.local.faults import HomeUnusable

    with faults_as_sentences():
        folder = home_of(home).logs
        files = {file.stem: file for file in sorted(folder.glob("*.log"))}
        if service is None:
            for name, file in files.items():
                typer.echo(f"{name:28}{file}")
            return
        if service not in files:
            raise HomeUnusable(f"There is no log of {service!r} in {folder}; there are: {', '.join(files) or 'none'}.")
        with files[service].open(errors="replace") as written:
            for line in deque(written, maxlen=lines):
                typer.echo(line, nl=False)
