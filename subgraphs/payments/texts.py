"""What a failure says to the payer, in both languages."""

from __future__ import annotations

from typing import Final

from subgraphs.chassis.graphql.locale import Locale
from subgraphs.payments.domain.payment import FailureCode

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
    FailureCode.EXPIRED: ("O prazo do pagamento terminou.", "The time to pay is over."),
    FailureCode.CANCELLED: ("O pagamento foi cancelado.", "The payment was cancelled."),
}


def failure_text(code: FailureCode, locale: Locale) -> str:
    pt_br, en = FAILURES[code]
    return pt_br if locale is Locale.PT_BR else en
