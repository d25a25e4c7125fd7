"""How old one has to be: to buy, and to get in.

The rating of an event (*classificação indicativa*) says from which age on one gets in alone. Below it, by Portaria MJSP
502/2021, art. 10 (in the wording of Portaria MJSP 454/2023):

- events rated up to 16: any minor, in the presence of parents or guardian or of whoever these have authorised; from 10
  years on a written authorisation of theirs is enough. Children under 10 are always accompanied (Lei 8.069/1990,
  art. 75, parágrafo único);
- events rated 18: from 16 years on, accompanied or authorised; nobody younger.

A session's minimum age is the organiser's own rule, such as a club's: nobody younger gets in, accompanied or not.
Whoever buys has to have the age to get in alone: a minor's ticket is bought by an adult.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from subgraphs.ticketing.domain.catalogue import AgeRating

_RATED: Final = {
    AgeRating.L: 0,
    AgeRating.A10: 10,
    AgeRating.A12: 12,
    AgeRating.A14: 14,
    AgeRating.A16: 16,
    AgeRating.A18: 18,
}
_ACCOMPANIED_WHERE_18: Final = 16


@dataclass(frozen=True, slots=True)
class EntryRule:
    """Ages count on the day of the session, by the venue's calendar."""

    age_rating: AgeRating
    minimum_age: int | None

    @property
    def alone_from(self) -> int:
        """The age to buy, and to get in alone; 0 when there is none."""
        return max(_RATED[self.age_rating], self.minimum_age or 0)

    @property
    def accompanied_from(self) -> int | None:
        """The age from which one gets in accompanied (0: any); None when that is no earlier than alone."""
        rated = _ACCOMPANIED_WHERE_18 if self.age_rating is AgeRating.A18 else 0
        age = max(rated, self.minimum_age or 0)
        return age if age < self.alone_from else None

    def may_buy(self, birth_date: date | None, day: date) -> bool:
        """Whoever is not known to be old enough may not."""
        if self.alone_from == 0:
            return True
        return birth_date is not None and age_on(birth_date, day) >= self.alone_from


def age_on(birth_date: date, day: date) -> int:
    """Whole years on ``day``. Born on 29 February: a year older on 1 March (Lei 810/1949, art. 3)."""
    before_birthday = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - before_birthday


def day_at(moment: datetime, time_zone: str) -> date:
    """The date that a calendar on the wall shows there. ``time_zone`` is an IANA name."""
    return moment.astimezone(ZoneInfo(time_zone)).date()
