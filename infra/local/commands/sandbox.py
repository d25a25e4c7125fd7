"""`bilhetagem sandbox`: what the other side of a payment does."""

from typing import Annotated

import typer

from infra.local.commands.telling import HomeOption, faults_as_sentences, home_of

app = typer.Typer(help="Play the bank: pay open charges.", no_args_is_help=True)


@app.command("pay")
def pay(
    payment_id: Annotated[str, typer.Argument(help="The payment's id as GraphQL shows it, its UUID or the txid.")],
    home: HomeOption = None,
) -> None:
    """Pay an open charge, as the buyer would in the bank's app; the webhook follows."""
    from urllib.parse import quote

    with faults_as_sentences():
        import httpx

        from infra.local.faults import LocalFault

        sandbox = home_of(home).record().status["sandbox"]
        try:
            answer = httpx.post(f"{sandbox}/charges/{quote(payment_id, safe='')}/pay", timeout=10, trust_env=False)
        except httpx.HTTPError as exc:
            raise LocalFault(f"The sandbox at {sandbox} does not answer.") from exc
        if answer.is_error:
            told = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
            reason = str(told.get("detail", f"status {answer.status_code}")).rstrip(".")
            raise LocalFault(f"The sandbox did not take the payment {payment_id}: {reason}.")
        charge = answer.json()
    typer.echo(f"{charge['status']}: {charge['amountMinor'] / 100:.2f} BRL, {charge['reference']}")
