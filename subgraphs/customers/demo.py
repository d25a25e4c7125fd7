"""`python -m subgraphs.customers.demo` registers the demo customers; again, it sets their password anew."""

import asyncio
from datetime import UTC, date, datetime
from typing import Final

from pydantic import SecretStr

from subgraphs.chassis.database import BACKGROUND, Database
from subgraphs.chassis.demo import demo_id
from subgraphs.customers.cpf_vault import cpf_vault
from subgraphs.customers.errors import Reason
from subgraphs.customers.passwords import Passwords
from subgraphs.customers.repositories import customers
from subgraphs.customers.settings import Settings
from subgraphs.customers.use_cases.sign_up import SignUp, sign_up
from subgraphs.customers.use_cases.start_session import SignedIn

DEMO: Final = (
    ("ana", "Ana Souza", "52998224725", "+5511987654321", frozenset({"customer"})),
    ("olivia", "Olívia Prado", "11144477735", "+5511912345678", frozenset({"customer", "operator", "gate"})),
)


class DemoSettings(Settings):
    """``demo_password`` is what both demo customers sign in with."""

    demo_password: SecretStr


async def seed(settings: DemoSettings) -> None:
    """Raises ``ValueError`` when the service refuses what is registered here."""
    password = settings.demo_password.get_secret_value()
    database, passwords, cpfs = (
        Database(settings.database_url, pool_size=1, limits=BACKGROUND),
        Passwords(),
        cpf_vault(settings),
    )
    try:
        for slug, name, cpf, phone, scopes in DEMO:
            customer_id = demo_id("customer", slug)
            wanted = SignUp(
                name=name,
                email=f"{slug}@bilhetagem.example",
                password=password,
                birth_date=date(1990, 5, 17),
                cpf=cpf,
                phone=phone,
                locale="pt-BR",
            )
            outcome = await sign_up(
                database, passwords, cpfs, wanted, datetime.now(UTC), customer_id=customer_id, scopes=scopes
            )
            if isinstance(outcome, SignedIn):
                continue
            if [one.reason for one in outcome] != [Reason.EMAIL_TAKEN]:
                raise ValueError(f"the demo customer {slug} was refused: {[one.reason.value for one in outcome]}")
            password_hash = await passwords.hash(password)
            async with database.transaction() as connection:
                await customers.set_password_hash(connection, customer_id, password_hash)
    finally:
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(seed(DemoSettings()))
