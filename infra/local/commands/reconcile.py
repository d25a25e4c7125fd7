"""`bilhetagem reconcile`: finds money, tickets and stock that were lost on their way, and takes them to their end."""

from typing import TYPE_CHECKING, Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of

if TYPE_CHECKING:
    from workers.reconcile.report import Report


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Find only; change nothing.")] = False,
    grace: Annotated[
        int, typer.Option(min=0, max=86_400, help="Leave alone what happened within so many seconds.")
    ] = 30,
    home: HomeOption = None,
) -> None:
    """Take to its end what nobody else does: captured money, overdue holds and charges, refunds, mail.

    Ends with status 1 when something is left that could not be settled.
    """
    with faults_as_sentences():
        from infra.local import reconciliation

        report = reconciliation.reconcile(home_of(home), dry=dry_run, grace_seconds=grace)
    show(report, dry_run)
    if not report.is_clean:
        raise typer.Exit(1)


def show(report: "Report", dry_run: bool) -> None:
    for kind, found in sorted(report.found.items()):
        if found:
            typer.echo(f"{found:6}  {kind.value:26}{'' if dry_run else f'{report.done[kind]} done'}".rstrip())
    if not report.found.total():
        typer.echo("Nothing is left to do.")
    typer.echo(f"{report.in_order:6}  reservations found in order")
    for one in report.unsettled:
        when = "not now" if one.passing else "needs a person"
        typer.echo(f"{one.kind.value} {one.subject}: {when}: {one.reason}", err=True)
    if report.unfinished is not None:
        typer.echo(f"Not everything was looked at: {report.unfinished}. Run it again.", err=True)
