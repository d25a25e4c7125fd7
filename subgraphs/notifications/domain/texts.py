"""What is said to customers, in both languages. ``{…}`` are filled from the facts of the event."""

from dataclasses import dataclass
from typing import Final

from subgraphs.notifications.domain.contact import Language
from subgraphs.notifications.domain.notification import Template


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
        ),
        "Bilhetagem: compra confirmada! {event_name}, {when}, {venue_name}. Ingressos: {codes}.{pickup}",
    ),
    (Template.ORDER_CONFIRMED, Language.EN): Text(
        "Your tickets: {event_name}",
        "Order confirmed",
        (
            "Your tickets for {event_name} are below.",
            "Show the QR code at the entrance; each one is good for one entry.",
        ),
        "Bilhetagem: order confirmed! {event_name}, {when}, {venue_name}. Tickets: {codes}.{pickup}",
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
        "Seu pagamento foi devolvido",
        "Estamos devolvendo {amount}",
        (
            "Seu pagamento chegou depois do prazo e os lugares já não estavam disponíveis.",
            "O valor total volta pelo mesmo meio de pagamento.",
        ),
        "Bilhetagem: seu pagamento chegou depois do prazo. Estamos devolvendo {amount}.",
    ),
    (Template.ORDER_REFUNDED, Language.EN): Text(
        "Your payment has been refunded",
        "We are returning {amount}",
        (
            "Your payment arrived too late, and the places were no longer available.",
            "The full amount goes back the way it came.",
        ),
        "Bilhetagem: your payment arrived too late. We are returning {amount}.",
    ),
}

REFUND: Final = {
    (True, Language.PT_BR): "O valor pago será devolvido pelo mesmo meio de pagamento.",
    (True, Language.EN): "What you paid goes back the way it came.",
    (False, Language.PT_BR): "Nada foi cobrado.",
    (False, Language.EN): "Nothing was charged.",
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
