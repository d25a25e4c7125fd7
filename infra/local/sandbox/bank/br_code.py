"""The bank's own making of a dynamic BR Code (Manual do BR Code, Banco Central do Brasil)."""

from __future__ import annotations


def dynamic_code(location: str, amount: str) -> str:
    """``location`` without scheme, ``amount`` as ``"10.50"``."""
    account = _field("00", "br.gov.bcb.pix") + _field("25", location)
    head = _field("00", "01") + _field("01", "12") + _field("26", account) + _field("52", "0000") + _field("53", "986")
    tail = _field("54", amount) + _field("58", "BR") + _field("59", "BILHETAGEM SANDBOX") + _field("60", "SAO PAULO")
    text = head + tail + _field("62", _field("05", "***")) + "6304"
    return text + f"{_crc16(text.encode()):04X}"


def _field(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


def _crc16(data: bytes) -> int:
    """CRC16-CCITT-FALSE: polynomial 0x1021, start 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc
