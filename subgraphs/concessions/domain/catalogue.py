"""What can be bought at a counter."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

_BRASILIA: Final = ZoneInfo("America/Sao_Paulo")


class ProductCategory(StrEnum):
    """The shelf a product stands on."""

    COMBO = "COMBO"
    SNACK = "SNACK"
    DRINK = "DRINK"
    MERCHANDISE = "MERCHANDISE"


class EventKind(StrEnum):
    """The kinds of event that the platform sells; ticketing owns the word."""

    FOOTBALL = "FOOTBALL"
    CINEMA = "CINEMA"
    CONCERT = "CONCERT"
    FESTIVAL = "FESTIVAL"


@dataclass(frozen=True, slots=True)
class LocalisedText:
    """One text in both languages of the platform; Brazilian Portuguese is the default."""

    pt: str
    en: str

    def in_locale(self, locale: str) -> str:
        """Return the text for a BCP 47 tag such as `pt-BR` or `en`; anything but English reads Portuguese."""
        return self.en if locale.lower().startswith("en") else self.pt


@dataclass(frozen=True, slots=True)
class Product:
    """Something for sale; `price_minor` is in minor units of `currency`; `position` orders the catalogue."""

    id: UUID
    name: LocalisedText
    description: LocalisedText
    category: ProductCategory
    size: str | None
    price_minor: int
    currency: str
    minimum_age: int | None
    position: int

    def may_be_sold_to(self, birth_date: date | None, today: date) -> bool:
        """Tell whether the buyer is old enough; who shows no birth date is taken for a minor."""
        if self.minimum_age is None:
            return True
        return birth_date is not None and age_on(birth_date, today) >= self.minimum_age


def age_on(birth_date: date, day: date) -> int:
    """Return the whole years lived on `day`; who was born on 29 February turns a year older on 1 March."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday


def day_in_brasilia(moment: datetime) -> date:
    """The date on a calendar there: in UTC the next day begins at nine in the evening.

    Counters do not know their venue's time zone. Where the session is known, its own day counts.
    """
    return moment.astimezone(_BRASILIA).date()
