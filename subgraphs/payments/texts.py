"""What a failure says to the payer, in both languages."""

from __future__ import annotations

from typing import Final

from subgraphs.chassis.graphql.locale import Locale
from subgraphs.payments.domain.payment import FailureCode
from subgraphs.payments.use_cases.create_payment import Refusal

FAILURES: Final = {
    FailureCode.CARD_DECLINED: ("O cartão foi recusado.", "The card was declined."),
    FailureCode.INSUFFICIENT_FUNDS: ("O cartão não tem saldo suficiente.", "The card has insufficient funds."),
    FailureCode.EXPIRED_CARD: ("O cartão está vencido.", "The card has expired."),
    FailureCode.INCORRECT_CARD: ("Os dados do cartão estão incorretos.", "The card's details are incorrect."),
    FailureCode.AUTHENTICATION_REQUIRED: (
        "O banco do cartão exige uma autenticação que ainda não oferecemos. Use outro cartão ou o Pix.",
        "The card's bank requires an authentication that we do not offer yet. Use another card or Pix.",
    ),
    FailureCode.REJECTED_BY_GATEWAY: (
        "Não foi possível iniciar o pagamento. Tente outra forma de pagamento.",
        "The payment could not be started. Try another way to pay.",
    ),
    FailureCode.GATEWAY_UNAVAILABLE: (
        "A forma de pagamento está fora do ar. Nada foi cobrado; tente de novo.",
        "This way to pay is out of order. Nothing was charged; try again.",
    ),
    FailureCode.EXPIRED: ("O prazo do pagamento terminou.", "The time to pay is over."),
    FailureCode.CANCELLED: ("O pagamento foi cancelado.", "The payment was cancelled."),
}


REFUSALS: Final = {
    Refusal.TOO_SMALL: (
        "O valor é pequeno demais para o cartão. Pague com Pix.",
        "The amount is too small for a card. Pay by Pix.",
    ),
    Refusal.ALREADY_PAID: ("Isto já foi pago.", "This has been paid already."),
    Refusal.IN_PROCESS: (
        "Outro pagamento está em andamento. Aguarde um instante.",
        "Another payment is in process. Wait a moment.",
    ),
    Refusal.REPLACED: (
        "Este pagamento deu lugar a outro ou foi cancelado.",
        "This payment has given way to another or was cancelled.",
    ),
}


def refusal_text(refusal: Refusal, locale: Locale) -> str | None:
    """None: the error's code says enough."""
    texts = REFUSALS.get(refusal)
    return None if texts is None else texts[0 if locale is Locale.PT_BR else 1]


def failure_text(code: FailureCode, locale: Locale) -> str:
    pt_br, en = FAILURES[code]
    return pt_br if locale is Locale.PT_BR else en
