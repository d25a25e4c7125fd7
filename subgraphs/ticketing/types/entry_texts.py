"""Who gets in at which age, in words (``subgraphs.ticketing.domain.ages`` says by which law)."""

from __future__ import annotations

from subgraphs.chassis.graphql.locale import Locale


def too_young_to_buy(age: int, accompanied_from: int | None, locale: Locale) -> str:
    """For a buyer who is younger than ``age``."""
    if locale is Locale.EN:
        buying = f"To buy, you have to be {age} or older on the day of the session."
    else:
        buying = f"Para comprar é preciso ter {age} anos completos no dia da sessão."
    return f"{buying} {companions(age, accompanied_from, locale)}"


def companions(age: int, accompanied_from: int | None, locale: Locale) -> str:
    """Whether those younger than ``age`` get in with somebody else; "" when there is no age at all."""
    if age == 0:
        return ""
    if locale is Locale.EN:
        if accompanied_from is None:
            return f"Nobody under {age} gets in, not even accompanied."
        younger = f"Between {accompanied_from} and {age - 1}" if accompanied_from else f"Under {age}"
        return (
            f"{younger}, one gets in accompanied by parents or guardian, or, from 10 on, with their written"
            " authorisation; the ticket is bought by an adult."
        )
    if accompanied_from is None:
        return f"Menores de {age} anos não entram, nem acompanhados."
    younger = f"De {accompanied_from} a {age - 1} anos" if accompanied_from else f"Menores de {age} anos"
    entering = "entra-se" if accompanied_from else "entram"
    with_whom = "acompanhado" if accompanied_from else "acompanhados"
    return (
        f"{younger} {entering} {with_whom} dos pais ou responsáveis ou, a partir de 10 anos, com autorização escrita"
        " deles; o ingresso é comprado por um adulto."
    )
