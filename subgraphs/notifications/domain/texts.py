"""What is said to customers, in both languages. ``{…}`` are filled from the facts of the event."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from subgraphs.notifications.domain.contact import Language
from subgraphs.notifications.domain.notification import RefundReason, Template


@dataclass(frozen=True, slots=True)
class Text:
    """``sms`` is empty where a template never goes by SMS."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]
    sms: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    greeting: str
    when: str
    where: str
    places: str
    tickets: str
    concessions: str
    pickup_code: str
    total: str
    footer: str


TEXTS: Final[dict[tuple[Template, Language], Text]] = {
    (Template.WELCOME, Language.PT_BR): Text(
        "Boas-vindas à Bilhetagem",
        "Sua conta está pronta",
        ("Agora é só escolher: jogos, filmes, shows e festivais em um só lugar.",),
    ),
    (Template.WELCOME, Language.EN): Text(
        "Welcome to Bilhetagem",
        "Your account is ready",
        ("All that is left is to choose: matches, films, concerts and festivals in one place.",),
    ),
    (Template.ORDER_CONFIRMED, Language.PT_BR): Text(
        "Seus ingressos: {event_name}",
        "Compra confirmada",
        (
            "Seus ingressos para {event_name} estão abaixo.",
            "Apresente o QR code na entrada; cada um vale uma única vez.",
            "{returned}",
        ),
        "Bilhetagem: compra confirmada! {event_name}, {when}, {venue_name}. Ingressos: {codes}.{pickup} {returned}",
    ),
    (Template.ORDER_CONFIRMED, Language.EN): Text(
        "Your tickets: {event_name}",
        "Order confirmed",
        (
            "Your tickets for {event_name} are below.",
            "Show the QR code at the entrance; each one is good for one entry.",
            "{returned}",
        ),
        "Bilhetagem: order confirmed! {event_name}, {when}, {venue_name}. Tickets: {codes}.{pickup} {returned}",
    ),
    (Template.ORDER_EXPIRED, Language.PT_BR): Text(
        "Sua reserva expirou",
        "O prazo de pagamento terminou",
        ("Os lugares voltaram à venda. Nada foi cobrado.", "Ainda quer ir? Faça uma nova reserva."),
    ),
    (Template.ORDER_EXPIRED, Language.EN): Text(
        "Your reservation has expired",
        "The time to pay is over",
        ("The places are on sale again. Nothing was charged.", "Still want to go? Make a new reservation."),
    ),
    (Template.ORDER_CANCELLED, Language.PT_BR): Text(
        "Reserva cancelada",
        "Sua reserva foi cancelada",
        ("Os lugares voltaram à venda.", "{refund}"),
        "Bilhetagem: sua reserva foi cancelada. {refund}",
    ),
    (Template.ORDER_CANCELLED, Language.EN): Text(
        "Reservation cancelled",
        "Your reservation was cancelled",
        ("The places are on sale again.", "{refund}"),
        "Bilhetagem: your reservation was cancelled. {refund}",
    ),
    (Template.ORDER_REFUNDED, Language.PT_BR): Text(
        "Estamos devolvendo o seu pagamento",
        "Estamos devolvendo {amount}",
        ("{why}", "O valor total volta pelo mesmo meio de pagamento."),
        "Bilhetagem: estamos devolvendo {amount}. {why}",
    ),
    (Template.ORDER_REFUNDED, Language.EN): Text(
        "We are returning your payment",
        "We are returning {amount}",
        ("{why}", "The full amount goes back the way it came."),
        "Bilhetagem: we are returning {amount}. {why}",
    ),
}


class Refund(StrEnum):
    """What becomes of the money of an order that was cancelled."""

    NOTHING_PAID = "NOTHING_PAID"
    AMOUNT = "AMOUNT"
    WHAT_IS_LEFT = "WHAT_IS_LEFT"


REFUND: Final = {
    (Refund.NOTHING_PAID, Language.PT_BR): "Nada foi cobrado.",
    (Refund.NOTHING_PAID, Language.EN): "Nothing was charged.",
    (Refund.AMOUNT, Language.PT_BR): "Estamos devolvendo {amount} pelo mesmo meio de pagamento.",
    (Refund.AMOUNT, Language.EN): "We are returning {amount} the way it came.",
    (Refund.WHAT_IS_LEFT, Language.PT_BR): "O valor pago será devolvido pelo mesmo meio de pagamento.",
    (Refund.WHAT_IS_LEFT, Language.EN): "What you paid goes back the way it came.",
}

WHY_RETURNED: Final[dict[tuple[RefundReason, Language], str]] = {
    (
        "UNITS_UNAVAILABLE",
        Language.PT_BR,
    ): "Seu pagamento chegou depois do prazo e os lugares já não estavam disponíveis.",
    ("UNITS_UNAVAILABLE", Language.EN): "Your payment arrived too late, and the places were no longer available.",
    ("AMOUNT_MISMATCH", Language.PT_BR): "O valor pago não é o da reserva, que por isso não foi confirmada.",
    ("AMOUNT_MISMATCH", Language.EN): "What was paid is not the reservation's price, so it was not confirmed.",
    ("PAID_TWICE", Language.PT_BR): "Sua reserva já tinha sido paga. Ela continua confirmada e seus ingressos valem.",
    (
        "PAID_TWICE",
        Language.EN,
    ): "Your reservation had been paid already. It stays confirmed and your tickets are valid.",
}

RETURNED: Final = {
    Language.PT_BR: "Parte da bombonière não estava mais disponível: estamos devolvendo {amount}.",
    Language.EN: "Some of your concessions were no longer available: we are returning {amount}.",
}

PICKUP_BY_SMS: Final = {
    Language.PT_BR: " Retirada da bombonière: {code}.",
    Language.EN: " Concessions pick-up: {code}.",
}

LABELS: Final = {
    Language.PT_BR: Labels(
        greeting="Olá, {name}!",
        when="Quando",
        where="Onde",
        places="Lugares",
        tickets="Ingressos",
        concessions="Bombonière",
        pickup_code="Código de retirada",
        total="Total",
        footer="Você recebe esta mensagem porque tem uma conta na Bilhetagem.",
    ),
    Language.EN: Labels(
        greeting="Hello, {name}!",
        when="When",
        where="Where",
        places="Places",
        tickets="Tickets",
        concessions="Concessions",
        pickup_code="Pick-up code",
        total="Total",
        footer="You receive this message because you have an account at Bilhetagem.",
    ),
}
