"""What the demo stages: venues, events, sessions and sectors."""

from dataclasses import dataclass
from typing import Final

from subgraphs.ticketing.domain.catalogue import AgeRating, EventKind


@dataclass(frozen=True, slots=True)
class DemoVenue:
    slug: str
    name: str
    city: str
    state: str
    address: str


@dataclass(frozen=True, slots=True)
class DemoSector:
    """Numbered: `rows` × `seats` seats, labelled A-1 and so on; else `seats` places of general admission."""

    name: str
    price_minor: int
    seats: int
    rows: int = 0

    @property
    def numbered(self) -> bool:
        return self.rows > 0

    def labels(self) -> list[str]:
        if not self.numbered:
            return [f"{self.name} {number}" for number in range(1, self.seats + 1)]
        return [f"{chr(ord('A') + row)}-{seat}" for row in range(self.rows) for seat in range(1, self.seats + 1)]


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """`days` are the sessions, in days from today; `hour` is the venue's."""

    slug: str
    name: str
    description: str
    kind: EventKind
    age_rating: AgeRating
    category: str
    venue: str
    days: tuple[int, ...]
    hour: int
    sectors: tuple[DemoSector, ...]
    series: str | None = None


ORGANISER: Final = ("rede-arena", "Rede Arena")

VENUES: Final = (
    DemoVenue("allianz-parque", "Allianz Parque", "São Paulo", "SP", "Av. Francisco Matarazzo, 1705"),
    DemoVenue("maracana", "Maracanã", "Rio de Janeiro", "RJ", "Av. Pres. Castelo Branco, s/n"),
    DemoVenue("cine-paulista", "Cine Paulista", "São Paulo", "SP", "Av. Paulista, 900"),
    DemoVenue("sambodromo", "Sambódromo", "Rio de Janeiro", "RJ", "R. Marquês de Sapucaí, s/n"),
)

_STADIUM: Final = (
    DemoSector("Gol Norte", 12_000, seats=20, rows=10),
    DemoSector("Gramado", 18_000, seats=400),
)
_ROOM: Final = (DemoSector("Sala 1", 4_200, seats=12, rows=8),)
_OPEN_AIR: Final = (DemoSector("Pista", 24_000, seats=400), DemoSector("Camarote", 58_000, seats=10, rows=4))

EVENTS: Final = (
    DemoEvent(
        slug="palmeiras-santos",
        name="Palmeiras × Santos",
        description="Clássico da saudade pelo Campeonato Paulista.",
        kind=EventKind.FOOTBALL,
        age_rating=AgeRating.L,
        category="Campeonato Paulista",
        venue="allianz-parque",
        days=(3,),
        hour=16,
        sectors=_STADIUM,
        series="Paulista 2026",
    ),
    DemoEvent(
        slug="palmeiras-corinthians",
        name="Palmeiras × Corinthians",
        description="O dérbi paulista.",
        kind=EventKind.FOOTBALL,
        age_rating=AgeRating.L,
        category="Campeonato Brasileiro",
        venue="allianz-parque",
        days=(12,),
        hour=21,
        sectors=_STADIUM,
        series="Brasileirão 2026",
    ),
    DemoEvent(
        slug="flamengo-vasco",
        name="Flamengo × Vasco",
        description="O clássico dos milhões.",
        kind=EventKind.FOOTBALL,
        age_rating=AgeRating.L,
        category="Campeonato Brasileiro",
        venue="maracana",
        days=(6,),
        hour=18,
        sectors=_STADIUM,
        series="Brasileirão 2026",
    ),
    DemoEvent(
        slug="noite-na-cidade",
        name="Noite na Cidade",
        description="Suspense: uma repórter, um porto, uma noite sem luz.",
        kind=EventKind.CINEMA,
        age_rating=AgeRating.A14,
        category="Suspense",
        venue="cine-paulista",
        days=(1, 2, 4),
        hour=20,
        sectors=_ROOM,
    ),
    DemoEvent(
        slug="o-pequeno-farol",
        name="O Pequeno Farol",
        description="Animação para toda a família.",
        kind=EventKind.CINEMA,
        age_rating=AgeRating.L,
        category="Animação",
        venue="cine-paulista",
        days=(1, 2, 3),
        hour=15,
        sectors=_ROOM,
    ),
    DemoEvent(
        slug="sertao-em-cores",
        name="Sertão em Cores",
        description="Documentário sobre pintores do Cariri.",
        kind=EventKind.CINEMA,
        age_rating=AgeRating.A10,
        category="Documentário",
        venue="cine-paulista",
        days=(2, 5),
        hour=18,
        sectors=_ROOM,
    ),
    DemoEvent(
        slug="vozes-do-rio",
        name="Vozes do Rio",
        description="Uma noite de samba com três gerações.",
        kind=EventKind.CONCERT,
        age_rating=AgeRating.A16,
        category="Samba",
        venue="maracana",
        days=(10,),
        hour=20,
        sectors=_OPEN_AIR,
    ),
    DemoEvent(
        slug="orquestra-no-parque",
        name="Orquestra no Parque",
        description="Villa-Lobos ao ar livre.",
        kind=EventKind.CONCERT,
        age_rating=AgeRating.L,
        category="Clássica",
        venue="allianz-parque",
        days=(8,),
        hour=17,
        sectors=_OPEN_AIR,
    ),
    DemoEvent(
        slug="festival-atlantico",
        name="Festival Atlântico",
        description="Dois dias, três palcos, frente para o mar.",
        kind=EventKind.FESTIVAL,
        age_rating=AgeRating.A18,
        category="Multigênero",
        venue="sambodromo",
        days=(20, 21),
        hour=14,
        sectors=_OPEN_AIR,
        series="Atlântico",
    ),
    DemoEvent(
        slug="festival-sabores",
        name="Festival Sabores do Brasil",
        description="Música e cozinha de vinte e seis estados.",
        kind=EventKind.FESTIVAL,
        age_rating=AgeRating.L,
        category="Gastronomia",
        venue="sambodromo",
        days=(15,),
        hour=11,
        sectors=_OPEN_AIR,
    ),
)
