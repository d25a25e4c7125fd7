"""The JSON of the Central Bank's Pix API v2, as far as used. Source: github.com/bacen/pix-api, openapi.yaml."""

from __future__ import annotations

from typing import Any

import msgspec


class Calendario(msgspec.Struct):
    """``expiracao`` in seconds after ``criacao``."""

    expiracao: int = 86400
    criacao: str | None = None


class Valor(msgspec.Struct):
    original: str


class Devolucao(msgspec.Struct):
    """``status``: EM_PROCESSAMENTO, DEVOLVIDO or NAO_REALIZADO."""

    id: str
    valor: str
    status: str
    motivo: str | None = None


class Pix(msgspec.Struct, rename="camel"):
    """A Pix received."""

    end_to_end_id: str
    valor: str
    txid: str | None = None
    devolucoes: list[Devolucao] = []


class Cob(msgspec.Struct):
    """An immediate charge. ``status``: ATIVA, CONCLUIDA, REMOVIDA_PELO_USUARIO_RECEBEDOR or REMOVIDA_PELO_PSP."""

    txid: str
    status: str
    valor: Valor
    calendario: Calendario = msgspec.field(default_factory=Calendario)
    pixCopiaECola: str | None = None  # noqa: N815 - no camel-case rule gives this name
    location: str | None = None
    pix: list[Pix] = []


class PixWebhook(msgspec.Struct):
    pix: list[Pix]


def cob_request(
    *, key: str, amount: str, expires_in_s: int, description: str | None, payer_name: str | None
) -> dict[str, Any]:
    """The body of ``PUT /v2/cob/{txid}``. ``devedor`` is left out: it needs a CPF, which this service never sees."""
    body: dict[str, Any] = {
        "calendario": {"expiracao": expires_in_s},
        "valor": {"original": amount},
        "chave": key,
    }
    if description:
        body["solicitacaoPagador"] = description[:140]
    if payer_name:
        body["infoAdicionais"] = [{"nome": "Pagador", "valor": payer_name[:200]}]
    return body
