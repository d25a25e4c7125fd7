"""How commands take their common options, and how they tell a fault: one sentence, status 1."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.local.home import Home

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The folder of the platform's data.", envvar="BILHETAGEM_HOME", show_default=False),
]


def home_of(directory: Path | None) -> "Home":
    from infra.local.home import Home, default_home

    return Home(directory.expanduser().resolve() if directory else default_home())


@contextlib.contextmanager
def faults_as_sentences() -> Iterator[None]:
    from infra.local.faults import LocalFault

    try:
        yield
    except LocalFault as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from fault
    except ModuleNotFoundError as fault:
        typer.echo(
            f"{fault.name} is not installed: install the extra with `pip install 'bilhetagem[local]'`.", err=True
        )
        raise typer.Exit(1) from fault
