"""What the bank accepts: the request bodies of the Pix API v2, checked as strictly as a bank does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[str, Field(pattern=r"^\d{1,10}\.\d{2}$")]
TXID_PATTERN = r"^[a-zA-Z0-9]{26,35}$"
REFUND_ID_PATTERN = r"^[a-zA-Z0-9]{1,35}$"


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Calendario(_Message):
    expiracao: int = Field(default=86_400, ge=1, le=2_147_483_647)


class Valor(_Message):
    original: Amount


class InfoAdicional(_Message):
    nome: str = Field(max_length=50)
    valor: str = Field(max_length=200)


class NewCob(_Message):
    calendario: Calendario = Calendario()
    valor: Valor
    chave: str = Field(min_length=1, max_length=77)
    solicitacaoPagador: str | None = Field(default=None, max_length=140)  # noqa: N815 - the API's name
    infoAdicionais: list[InfoAdicional] = Field(default=[], max_length=50)  # noqa: N815 - the API's name


class CobChange(_Message):
    status: Literal["REMOVIDA_PELO_USUARIO_RECEBEDOR"]


class NewDevolucao(_Message):
    valor: Amount
