"""The demo menu: forty products as they stand on the boards of Brazilian stadiums, cinemas and festivals."""

from dataclasses import dataclass

FOOTBALL, CINEMA, CONCERT, FESTIVAL = "FOOTBALL", "CINEMA", "CONCERT", "FESTIVAL"
EVERYWHERE = (FOOTBALL, CINEMA, CONCERT, FESTIVAL)
OUTDOORS = (FOOTBALL, CONCERT, FESTIVAL)
SHOWS = (CONCERT, FESTIVAL)


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """A line of the menu: texts in pt-BR and en, price in centavos."""

    slug: str
    category: str
    name_pt: str
    name_en: str
    description_pt: str
    description_en: str
    price_minor: int
    event_kinds: tuple[str, ...]
    size: str | None = None
    minimum_age: int | None = None


def _combo(slug: str, pt: str, en: str, what_pt: str, what_en: str, price: int, kinds: tuple[str, ...]) -> DemoProduct:
    return DemoProduct(slug, "COMBO", pt, en, what_pt, what_en, price, kinds)


COMBOS = (
    _combo(
        "combo-pipoca",
        "Combo Pipoca",
        "Popcorn combo",
        "Pipoca média e refrigerante de 500 ml",
        "Medium popcorn and a 500 ml soft drink",
        3490,
        (CINEMA, FOOTBALL, CONCERT, FESTIVAL),
    ),
    _combo(
        "combo-casal",
        "Combo Casal",
        "Couple's combo",
        "Pipoca grande e dois refrigerantes de 500 ml",
        "Large popcorn and two 500 ml soft drinks",
        5490,
        (CINEMA,),
    ),
    _combo(
        "combo-familia",
        "Combo Família",
        "Family combo",
        "Duas pipocas grandes e quatro refrigerantes",
        "Two large popcorns and four soft drinks",
        8990,
        (CINEMA,),
    ),
    _combo(
        "combo-doce",
        "Combo Doce",
        "Sweet combo",
        "Pipoca caramelizada e água de coco",
        "Caramel popcorn and coconut water",
        3790,
        (CINEMA,),
    ),
    _combo(
        "combo-kids",
        "Combo Kids",
        "Kids' combo",
        "Pipoca pequena, suco e brinde",
        "Small popcorn, juice and a gift",
        3290,
        (CINEMA,),
    ),
    _combo(
        "combo-torcedor",
        "Combo Torcedor",
        "Fan combo",
        "Cachorro-quente, amendoim e refrigerante",
        "Hot dog, peanuts and a soft drink",
        3990,
        (FOOTBALL,),
    ),
    _combo(
        "combo-arquibancada",
        "Combo Arquibancada",
        "Terrace combo",
        "Dois cachorros-quentes e dois refrigerantes",
        "Two hot dogs and two soft drinks",
        5990,
        (FOOTBALL,),
    ),
    _combo(
        "combo-gol",
        "Combo Gol",
        "Goal combo",
        "Espetinho, batata frita e guaraná",
        "Meat skewer, fries and guaraná",
        4790,
        (FOOTBALL,),
    ),
    _combo(
        "combo-show",
        "Combo Show",
        "Show combo",
        "Hambúrguer, batata frita e refrigerante",
        "Burger, fries and a soft drink",
        5290,
        SHOWS,
    ),
    _combo(
        "combo-festival",
        "Combo Festival",
        "Festival combo",
        "Wrap, água e açaí pequeno",
        "Wrap, water and a small açaí",
        5690,
        (FESTIVAL,),
    ),
    _combo(
        "combo-galera",
        "Combo Galera",
        "Crew combo",
        "Nachos, quatro águas e quatro paçocas",
        "Nachos, four waters and four peanut sweets",
        7990,
        SHOWS,
    ),
    _combo(
        "combo-vegano",
        "Combo Vegano",
        "Vegan combo",
        "Hambúrguer de grão-de-bico e suco natural",
        "Chickpea burger and fresh juice",
        4990,
        OUTDOORS,
    ),
)

SNACKS = (
    DemoProduct(
        "pipoca-pequena",
        "SNACK",
        "Pipoca salgada",
        "Salted popcorn",
        "Com manteiga",
        "Buttered",
        1490,
        EVERYWHERE,
        "80 g",
    ),
    DemoProduct(
        "pipoca-media",
        "SNACK",
        "Pipoca salgada",
        "Salted popcorn",
        "Com manteiga",
        "Buttered",
        1990,
        EVERYWHERE,
        "140 g",
    ),
    DemoProduct(
        "pipoca-grande",
        "SNACK",
        "Pipoca salgada",
        "Salted popcorn",
        "Com manteiga",
        "Buttered",
        2490,
        EVERYWHERE,
        "200 g",
    ),
    DemoProduct(
        "pipoca-caramelo",
        "SNACK",
        "Pipoca caramelizada",
        "Caramel popcorn",
        "Feita na hora",
        "Freshly made",
        2290,
        (CINEMA,),
        "140 g",
    ),
    DemoProduct(
        "cachorro-quente",
        "SNACK",
        "Cachorro-quente",
        "Hot dog",
        "Com vinagrete e batata palha",
        "With vinaigrette and shoestring potatoes",
        1890,
        OUTDOORS,
    ),
    DemoProduct(
        "hamburguer", "SNACK", "Hambúrguer", "Burger", "180 g, queijo prato", "180 g, with cheese", 2990, OUTDOORS
    ),
    DemoProduct(
        "pao-de-queijo", "SNACK", "Pão de queijo", "Cheese bread", "Cinco unidades", "Five pieces", 1290, EVERYWHERE
    ),
    DemoProduct(
        "coxinha",
        "SNACK",
        "Coxinha",
        "Chicken croquette",
        "De frango com requeijão",
        "Chicken with cream cheese",
        990,
        EVERYWHERE,
    ),
    DemoProduct(
        "batata-frita",
        "SNACK",
        "Batata frita",
        "French fries",
        "Porção individual",
        "Single portion",
        1990,
        OUTDOORS,
        "200 g",
    ),
    DemoProduct(
        "nachos",
        "SNACK",
        "Nachos",
        "Nachos",
        "Com molho de queijo",
        "With cheese sauce",
        2490,
        (CINEMA, CONCERT, FESTIVAL),
    ),
    DemoProduct(
        "amendoim",
        "SNACK",
        "Amendoim torrado",
        "Roasted peanuts",
        "Em casca, salgado",
        "In the shell, salted",
        890,
        (FOOTBALL,),
        "100 g",
    ),
    DemoProduct(
        "espetinho",
        "SNACK",
        "Espetinho de carne",
        "Beef skewer",
        "Com farofa",
        "With toasted cassava flour",
        1690,
        OUTDOORS,
    ),
    DemoProduct(
        "acai",
        "SNACK",
        "Açaí na tigela",
        "Açaí bowl",
        "Com granola e banana",
        "With granola and banana",
        2290,
        SHOWS,
        "300 ml",
    ),
    DemoProduct("chocolate", "SNACK", "Chocolate ao leite", "Milk chocolate", "Barra", "Bar", 1190, (CINEMA,), "80 g"),
)

DRINKS = (
    DemoProduct(
        "refrigerante-300",
        "DRINK",
        "Refrigerante",
        "Soft drink",
        "Cola, guaraná ou laranja",
        "Cola, guaraná or orange",
        890,
        EVERYWHERE,
        "300 ml",
    ),
    DemoProduct(
        "refrigerante-500",
        "DRINK",
        "Refrigerante",
        "Soft drink",
        "Cola, guaraná ou laranja",
        "Cola, guaraná or orange",
        1190,
        EVERYWHERE,
        "500 ml",
    ),
    DemoProduct(
        "refrigerante-700",
        "DRINK",
        "Refrigerante",
        "Soft drink",
        "Cola, guaraná ou laranja",
        "Cola, guaraná or orange",
        1490,
        EVERYWHERE,
        "700 ml",
    ),
    DemoProduct("agua", "DRINK", "Água mineral", "Mineral water", "Sem gás", "Still", 690, EVERYWHERE, "510 ml"),
    DemoProduct(
        "agua-com-gas",
        "DRINK",
        "Água mineral com gás",
        "Sparkling water",
        "Com gás",
        "Sparkling",
        690,
        EVERYWHERE,
        "510 ml",
    ),
    DemoProduct(
        "suco-laranja",
        "DRINK",
        "Suco de laranja",
        "Orange juice",
        "Natural",
        "Freshly squeezed",
        1290,
        EVERYWHERE,
        "300 ml",
    ),
    DemoProduct(
        "mate-gelado", "DRINK", "Mate gelado", "Iced mate tea", "Com limão", "With lime", 990, OUTDOORS, "300 ml"
    ),
    DemoProduct(
        "cerveja",
        "DRINK",
        "Cerveja pilsen",
        "Pilsner beer",
        "Copo retornável",
        "Returnable cup",
        1590,
        OUTDOORS,
        "473 ml",
        minimum_age=18,
    ),
    DemoProduct(
        "cerveja-zero",
        "DRINK",
        "Cerveja sem álcool",
        "Alcohol-free beer",
        "Lata",
        "Can",
        1390,
        OUTDOORS,
        "350 ml",
        minimum_age=18,
    ),
)

MERCHANDISE = (
    DemoProduct(
        "cachecol",
        "MERCHANDISE",
        "Cachecol do time",
        "Team scarf",
        "Tricô, edição da temporada",
        "Knitted, this season's edition",
        7990,
        (FOOTBALL,),
    ),
    DemoProduct(
        "bandeira",
        "MERCHANDISE",
        "Bandeira do time",
        "Team flag",
        "Tecido, 90 × 60 cm",
        "Cloth, 90 × 60 cm",
        5990,
        (FOOTBALL,),
    ),
    DemoProduct(
        "copo-colecionavel",
        "MERCHANDISE",
        "Copo colecionável",
        "Collector's cup",
        "Com a arte do evento",
        "With the event's artwork",
        2990,
        EVERYWHERE,
        "500 ml",
    ),
    DemoProduct(
        "camiseta-festival",
        "MERCHANDISE",
        "Camiseta do festival",
        "Festival T-shirt",
        "Algodão, P ao GG",
        "Cotton, S to XL",
        11990,
        SHOWS,
    ),
    DemoProduct("capa-de-chuva", "MERCHANDISE", "Capa de chuva", "Rain poncho", "Dobrável", "Foldable", 1990, OUTDOORS),
)

PRODUCTS = (*COMBOS, *SNACKS, *DRINKS, *MERCHANDISE)
