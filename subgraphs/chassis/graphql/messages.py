"""What each error code says to people, in both languages."""

from __future__ import annotations

from typing import Final

from subgraphs.chassis.graphql.locale import Locale


def _texts(pt_br: str, en: str) -> dict[Locale, str]:
    return {Locale.PT_BR: pt_br, Locale.EN: en}


MESSAGES: Final[dict[str, dict[Locale, str]]] = {
    "INVALID_INPUT": _texts("Valor inválido.", "Invalid value."),
    "NOT_FOUND": _texts("Não encontrado.", "Not found."),
    "UNAUTHENTICATED": _texts("Entre na sua conta para continuar.", "Sign in to continue."),
    "FORBIDDEN": _texts("Você não tem permissão para isso.", "You are not allowed to do this."),
    "IDEMPOTENCY_KEY_REUSED": _texts(
        "Esta chave de idempotência já foi usada com outros dados.",
        "This idempotency key was already used with another input.",
    ),
    "SOLD_OUT": _texts("Esgotado.", "Sold out."),
    "SEAT_UNAVAILABLE": _texts("Um dos lugares não está mais disponível.", "One of the seats is no longer available."),
    "TICKET_LIMIT_REACHED": _texts(
        "Você atingiu o limite de ingressos deste evento.", "You have reached the ticket limit for this event."
    ),
    "AGE_RESTRICTED": _texts(
        "A classificação indicativa não permite esta compra.", "The age rating does not allow this purchase."
    ),
    "SALES_CLOSED": _texts("As vendas estão encerradas.", "Sales are closed."),
    "INVALID_STATE": _texts("Isso não é possível no estado atual.", "This is not possible in the present state."),
    "EXPIRED": _texts("O prazo expirou.", "The time limit has expired."),
    "EMAIL_TAKEN": _texts("Este e-mail já está cadastrado.", "This e-mail is already registered."),
    "CPF_TAKEN": _texts("Este CPF já está cadastrado.", "This CPF is already registered."),
    "INVALID_CREDENTIALS": _texts("E-mail ou senha incorretos.", "Wrong e-mail or password."),
    "WEAK_PASSWORD": _texts("Escolha uma senha mais forte.", "Choose a stronger password."),
    "TOO_MANY_ATTEMPTS": _texts("Muitas tentativas. Aguarde um pouco.", "Too many attempts. Wait a little."),
    "OUT_OF_STOCK": _texts("Produto esgotado.", "Out of stock."),
    "PAYMENT_DECLINED": _texts("O pagamento foi recusado.", "The payment was declined."),
    "AMOUNT_MISMATCH": _texts("O valor não confere.", "The amount does not match."),
    "AMOUNT_TOO_SMALL": _texts(
        "O valor é pequeno demais para esta forma de pagamento.", "The amount is too small for this way to pay."
    ),
    "SERVICE_UNAVAILABLE": _texts(
        "Serviço indisponível no momento. Tente de novo.", "Service unavailable right now. Try again."
    ),
}
