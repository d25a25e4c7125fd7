"""The Pix BR Code ("copia e cola"): EMV tag-length-value text closed by a CRC.

Source: *Manual de Padrões para Iniciação do Pix* and *Manual do BR Code* (Banco Central do Brasil), after EMV
QRCPS-MPM: two digits of tag, two digits of length in characters, the value. Tag 63 closes the text with
CRC16-CCITT-FALSE.
"""

from __future__ import annotations

import binascii
import unicodedata
from typing import Final

from subgraphs.payments.domain.money import from_decimal_text, to_decimal_text

GUI: Final = "br.gov.bcb.pix"
MAX_LENGTH: Final = 512


class InvalidBrCode(ValueError):
    """The text is not a BR Code that a payer's bank would accept."""


def crc16(text: str) -> str:
    """CRC16-CCITT-FALSE (poly 0x1021, init 0xFFFF) of the UTF-8 bytes, four upper-case hexadecimal digits."""
    return f"{binascii.crc_hqx(text.encode(errors='surrogatepass'), 0xFFFF):04X}"


def build(*, location: str, merchant_name: str, merchant_city: str, amount_minor: int) -> str:
    """A dynamic code: ``location`` is the charge's URL at the bank, without scheme. Raises ``InvalidBrCode``."""
    account = _field("00", GUI) + _field("25", location)
    text = "".join(
        (
            _field("00", "01"),
            _field("01", "12"),  # point of initiation: usable once
            _field("26", account),
            _field("52", "0000"),
            _field("53", "986"),  # ISO 4217: BRL
            _field("54", to_decimal_text(amount_minor)),
            _field("58", "BR"),
            _field("59", _plain(merchant_name, 25)),
            _field("60", _plain(merchant_city, 15)),
            _field("62", _field("05", "***")),  # a dynamic code's txid is behind its location
            "6304",
        )
    )
    return text + crc16(text)


def parse(code: str) -> dict[str, str]:
    """Top-level tags with their values, templates unparsed. Raises ``InvalidBrCode`` for bad TLV, GUI or CRC."""
    if len(code) > MAX_LENGTH:
        raise InvalidBrCode("longer than a payer's bank reads")
    tags = parse_tlv(code)
    if tags.get("00") != "01" or code[-8:-4] != "6304" or "63" not in tags:
        raise InvalidBrCode("does not begin with tag 00 and end with tag 63")
    if tags["63"] != crc16(code[:-4]):
        raise InvalidBrCode("checksum differs")
    if not any(GUI in parse_tlv(tags[tag]).get("00", "").lower() for tag in map(str, range(26, 52)) if tag in tags):
        raise InvalidBrCode("no Pix account in it")
    return tags


def parse_tlv(text: str) -> dict[str, str]:
    """Tags of one level with their values. Raises ``InvalidBrCode`` when lengths do not add up or a tag is twice."""
    tags: dict[str, str] = {}
    position = 0
    while position < len(text):
        head = text[position : position + 4]
        if len(head) < 4 or not (head.isascii() and head.isdigit()):
            raise InvalidBrCode("a tag or length is not two digits")
        tag, length = head[:2], int(head[2:])
        value = text[position + 4 : position + 4 + length]
        if len(value) < length or tag in tags:
            raise InvalidBrCode(f"tag {tag} is cut off or repeated")
        tags[tag] = value
        position += 4 + length
    return tags


def charged_minor(tags: dict[str, str]) -> int | None:
    """The amount in tag 54 in minor units; None when the code leaves it open. Raises ``InvalidBrCode``."""
    if "54" not in tags:
        return None
    try:
        return from_decimal_text(tags["54"])
    except ValueError as exc:
        raise InvalidBrCode("amount is not a decimal") from exc


def _field(tag: str, value: str) -> str:
    if not 1 <= len(value) <= 99:
        raise InvalidBrCode(f"tag {tag} holds 1 to 99 characters")
    return f"{tag}{len(value):02d}{value}"


def _plain(text: str, limit: int) -> str:
    """Without accents and cut: terminals read these tags as ASCII."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return ascii_text[:limit].strip()
