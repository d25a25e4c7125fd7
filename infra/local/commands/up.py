"""`bilhetagem up`: starts the platform and keeps it until Ctrl-C."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of

if TYPE_CHECKING:
    from rich.console import Console

    from infra.local.platform import Platform


def up(
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget all data and begin anew.")] = False,
    port: Annotated[int, typer.Option(min=1024, max=65000, help="The gateway's port; the others follow it.")] = 8000,
    home: HomeOption = None,
) -> None:
    """Start the whole platform on this machine; Ctrl-C ends it."""
    with faults_as_sentences():
        asyncio.run(_up(home_of(home).directory, port, fresh))


async def _up(directory: Path, port: int, fresh: bool) -> None:
    from rich.console import Console

    from infra.local.faults import AlreadyRunning, LocalFault

    console = Console(stderr=True)
    running = asyncio.current_task()
    asked_to_end = False

    def end() -> None:
        nonlocal asked_to_end
        if not asked_to_end and running is not None:
            asked_to_end = True
            running.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    try:
        await _run(directory, port, fresh, console)
    except asyncio.CancelledError:
        if not asked_to_end:
            raise
        console.print("Ended.")
    except AlreadyRunning:
        raise
    except LocalFault:
        console.print("Nothing of it is left running.")
        raise


async def _run(directory: Path, port: int, fresh: bool, console: "Console") -> None:
    from infra.local.platform import start
    from infra.local.services import Ports

    def tell(sentence: str) -> None:
        console.print(sentence, markup=False, soft_wrap=True)

    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        with _Progress(console) as progress:
            platform = await stack.enter_async_context(
                start(directory, ports=Ports.from_base(port), fresh=fresh, progress=progress.tell, news=tell)
            )
        _show(platform, console, time.monotonic() - began)
        raise await platform.died()


class _Progress:
    """A line per step that is under way; where no terminal is, a line per step that is done."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = console
        self._bar = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, step: str, state: str) -> None:
        if state == "started":
            self._tasks[step] = self._bar.add_task(step, total=1)
        elif state == "done":
            self._bar.update(self._tasks[step], completed=1)  # type: ignore[arg-type]
            if not self._console.is_terminal:
                self._console.print(f"{step}: ready")


def _show(platform: "Platform", console: "Console", seconds: float) -> None:
    from rich.table import Table

    status = platform.status
    table = Table(
        title=f"Ready after {seconds:.1f} s", title_justify="left", show_header=False, box=None, padding=(0, 2)
    )
    table.add_row("GraphiQL", f"[link]{status['graphiql']}[/link]")
    table.add_row("GraphQL", status["gateway"])
    for name, url in status["subgraphs"].items():
        table.add_row(f"  {name}", url)
    table.add_row("Mailbox", status["mailbox"])
    table.add_row("Sandbox bank", status["sandbox"])
    for role, account in status["demo"].items():
        table.add_row(f"Sign in ({role})", f"{account['email']}  {account['password']}")
    table.add_row("Logs", str(platform.home.logs))
    console.print(table)
    console.print("\nA query to paste:\n")
    console.print(f"  {status['query']}", markup=False, soft_wrap=True)
    console.print("\nCtrl-C ends everything; data stay. `bilhetagem up --fresh` begins anew.")
