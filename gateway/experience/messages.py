"""What the error codes that arise here say to people. Services word their own errors themselves."""

from typing import Final

_PT: Final = {
    "INVALID_INPUT": "Valor inválido.",
    "NOT_FOUND": "Não encontrado.",
    "UNAUTHENTICATED": "Entre na sua conta para continuar.",
    "IDEMPOTENCY_KEY_REUSED": "Esta chave de idempotência já foi usada com outros dados.",
    "SERVICE_UNAVAILABLE": "Serviço indisponível no momento. Tente de novo.",
}
_EN: Final = {
    "INVALID_INPUT": "Invalid value.",
    "NOT_FOUND": "Not found.",
    "UNAUTHENTICATED": "Sign in to continue.",
    "IDEMPOTENCY_KEY_REUSED": "This idempotency key was already used with another input.",
    "SERVICE_UNAVAILABLE": "Service unavailable right now. Try again.",
}


def message(code: str, locale: str) -> str:
    """`locale` is pt-BR or en. Raises KeyError for a code that does not arise here."""
    return (_EN if locale == "en" else _PT)[code]
