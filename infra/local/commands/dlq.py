"""`bilhetagem dlq`: the dead letters of the running platform."""

import json
from typing import Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of

app = typer.Typer(help="Dead letters: what could not be done, why, and trying again.", no_args_is_help=True)
Queue = Annotated[str, typer.Argument(help="The dead-letter queue's name, as `dlq list` shows it.")]


@app.command("list")
def list_queues(home: HomeOption = None) -> None:
    """List the dead-letter queues and how many messages lie in each."""
    with faults_as_sentences():
        from infra.local.dead_letters import DeadLetters

        for name, count in DeadLetters.of(home_of(home)).queues().items():
            typer.echo(f"{count:6}  {name}")


@app.command("show")
def show(queue: Queue, home: HomeOption = None) -> None:
    """Print the messages of a dead-letter queue; they stay where they are."""
    with faults_as_sentences():
        from infra.local.dead_letters import DeadLetters

        for letter in DeadLetters.of(home_of(home)).show(queue):
            typer.echo(json.dumps(letter, ensure_ascii=False, indent=2))


@app.command("redrive")
def redrive(queue: Queue, home: HomeOption = None) -> None:
    """Give the messages of a dead-letter queue back to whom they were meant for."""
    with faults_as_sentences():
        from infra.local.dead_letters import DeadLetters

        typer.echo(f"{DeadLetters.of(home_of(home)).redrive(queue)} given back.")
