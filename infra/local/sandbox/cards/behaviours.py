"""Cards that behave as told. Tokens and numbers are Stripe's own test cards, but for the slow one, which is ours."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``code``/``decline_code`` as Stripe names them; None: the card pays. ``slow``: processing first."""

    brand: str
    last4: str
    code: str | None = None
    decline_code: str | None = None
    slow: bool = False


_PAYS = Behaviour("visa", "4242")
_PAYS_TOO = Behaviour("mastercard", "4444")
_DECLINED = Behaviour("visa", "0002", "card_declined", "generic_decline")
_POOR = Behaviour("visa", "9995", "card_declined", "insufficient_funds")
_EXPIRED = Behaviour("visa", "0069", "expired_card", "expired_card")
_WRONG_CVC = Behaviour("visa", "0127", "incorrect_cvc", "incorrect_cvc")
_ASKS_PAYER = Behaviour("visa", "3155", "card_declined", "authentication_required")
_SLOW = Behaviour("visa", "0077", slow=True)

TOKENS: Final = MappingProxyType(
    {
        "pm_card_visa": _PAYS,
        "pm_card_mastercard": _PAYS_TOO,
        "pm_card_chargeDeclined": _DECLINED,
        "pm_card_chargeDeclinedInsufficientFunds": _POOR,
        "pm_card_chargeDeclinedExpiredCard": _EXPIRED,
        "pm_card_chargeDeclinedIncorrectCvc": _WRONG_CVC,
        "pm_card_authenticationRequired": _ASKS_PAYER,
        "pm_card_slow": _SLOW,
    }
)

NUMBERS: Final = MappingProxyType(
    {
        "4242424242424242": _PAYS,
        "5555555555554444": _PAYS_TOO,
        "4000000000000002": _DECLINED,
        "4000000000009995": _POOR,
        "4000000000000069": _EXPIRED,
        "4000000000000127": _WRONG_CVC,
        "4000002500003155": _ASKS_PAYER,
        "4000000000000077": _SLOW,
    }
)
