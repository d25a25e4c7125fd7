"""What the gateway says to people when something could not be had, in pt-BR and en."""

from collections.abc import Mapping
from typing import Final

from gateway.federation.messages import ENGLISH
from gateway.http.locale import choose_locale

PORTUGUESE: Final[Mapping[str, str]] = {
    "SUBGRAPH_UNAVAILABLE": "Isto não está disponível agora. Tente de novo daqui a pouco.",
    "SUBGRAPH_TIMEOUT": "Isto demorou demais. Tente de novo daqui a pouco.",
    "SUBGRAPH_REJECTED": "Isto não está disponível agora. Tente de novo daqui a pouco.",
    "OVERLOADED": "Muita gente quer isto agora. Tente de novo daqui a pouco.",
    "SUBGRAPH_STATUS": "Não foi possível responder. Tente de novo daqui a pouco.",
    "SUBGRAPH_MALFORMED": "Não foi possível responder. Tente de novo daqui a pouco.",
    "SUBGRAPH_FAILED": "Não foi possível responder. Tente de novo daqui a pouco.",
    "SUBGRAPH_ERROR": "Não foi possível responder a isto.",
    "UNAUTHENTICATED": "Entre na sua conta para ver isto.",
    "FORBIDDEN": "Você não pode ver isto.",
    "PLANNING_FAILED": "Esta combinação de campos não pode ser respondida.",
}


def in_their_language(code: str, headers: Mapping[str, str]) -> str:
    """The text for an error's code; a code that has none reads as any fault does."""
    texts = ENGLISH if choose_locale(headers.get("Accept-Language", "")) == "en" else PORTUGUESE
    return texts.get(code, texts["SUBGRAPH_FAILED"])
