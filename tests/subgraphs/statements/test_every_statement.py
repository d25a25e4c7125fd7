"""Every statement of every repository, planned for its values and planned generically."""

import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib import import_module

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from subgraphs.chassis.retention import Retention, sweep
from tests.subgraphs.statements import chassis, concessions, customers, notifications, payments, ticketing
from tests.subgraphs.statements.rehearsal import Rehearsed, rehearse, statements_of

SERVICES = [module.REHEARSED for module in (concessions, customers, notifications, payments, ticketing)]

# Arguments that decide which function it is, rather than a state that an index could serve.
_BOUND_ON_PURPOSE = {"stock.free_units"}


@pytest.fixture(scope="module")
def seeded() -> set[str]:
    """Which databases have their rows already."""
    return set()


@pytest.fixture(params=SERVICES, ids=lambda rehearsed: rehearsed.service)
def rehearsed(request: pytest.FixtureRequest) -> Rehearsed:
    found: Rehearsed = request.param
    return found


@pytest.fixture
async def engine(rehearsed: Rehearsed, database: Callable[[str], str], seeded: set[str]) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database(rehearsed.service), pool_size=1, max_overflow=0)
    try:
        if rehearsed.service not in seeded:
            await rehearsed.seed(engine)
            async with engine.begin() as connection:
                await chassis.seed(connection, set(rehearsed.metadata.tables))
                await connection.execute(sa.text("ANALYZE"))
            seeded.add(rehearsed.service)
        yield engine
    finally:
        await engine.dispose()


def test_a_service_with_tables_is_rehearsed() -> None:
    with_tables = {
        service
        for service in ("concessions", "customers", "notifications", "payments", "suggestions", "ticketing")
        if _has_tables(service)
    }
    assert {rehearsed.service for rehearsed in SERVICES} == with_tables


def _has_tables(service: str) -> bool:
    try:
        import_module(f"subgraphs.{service}.tables")
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
async def test_every_function_of_every_repository_works_again_and_again(
    rehearsed: Rehearsed, engine: AsyncEngine, mode: str
) -> None:
    failures: list[str] = []
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"SET plan_cache_mode = {mode}")
        await connection.commit()
        for name, function in rehearsed.functions().items():
            try:
                with statements_of(engine) as seen:
                    for call in rehearsed.variants(name, function):
                        await rehearse(connection, call)
                assert seen, "no statement was executed: give it arguments with which it has something to do"
            except Exception as exc:
                failures.append(f"{name}: {type(exc).__name__}: {exc}")
    assert failures == []


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
async def test_every_retention_rule_works_again_and_again_by_an_index(
    rehearsed: Rehearsed, engine: AsyncEngine, mode: str
) -> None:
    rules: list[Retention] = list(import_module(f"subgraphs.{rehearsed.service}.retention").RULES)
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f"SET plan_cache_mode = {mode}")
        await connection.commit()
        for rule in rules:
            with statements_of(engine) as seen:
                await rehearse(connection, partial(_sweep, rule=rule))
            for statement in seen:
                plan = await _generic_plan(connection, statement)
                assert f"Seq Scan on {rule.table}" not in plan, plan


async def _sweep(connection: AsyncConnection, *, rule: Retention) -> None:
    await sweep(connection, rule, limit=7)


# With bound values instead of literals a generic plan cannot know that the index's rows are the ones asked for.
async def test_a_statement_that_means_a_partial_index_can_use_it_in_a_generic_plan(
    rehearsed: Rehearsed, engine: AsyncEngine
) -> None:
    functions = rehearsed.functions()
    missed: list[str] = []
    async with engine.connect() as connection:
        for name, index in rehearsed.partial_indexes.items():
            with statements_of(engine) as seen:
                for call in rehearsed.variants(name, functions[name]):
                    await rehearse(connection, call)
            plans = [await _generic_plan(connection, statement) for statement in seen]
            if not any(index in plan for plan in plans):
                missed.append("\n".join([f"{name} does not use {index}:", *plans]))
    assert missed == []


async def _generic_plan(connection: AsyncConnection, statement: str) -> str:
    parameters = max((int(number) for number in re.findall(r"\$(\d+)", statement)), default=0)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    transaction = driver.transaction()
    await transaction.start()
    try:
        # Few rows are read quickest from the table: what counts is what the planner *may* use.
        await driver.execute("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        await driver.execute(f"PREPARE rehearsed AS {statement}")
        values = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        rows = await driver.fetch(f"EXPLAIN (COSTS OFF) EXECUTE rehearsed{values}")
        await driver.execute("DEALLOCATE rehearsed")
        return "\n".join(row[0] for row in rows)
    finally:
        await transaction.rollback()


# Also for functions that nobody thought of listing above.
async def test_no_condition_on_a_partial_indexs_column_is_bound(rehearsed: Rehearsed, engine: AsyncEngine) -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in rehearsed.metadata.tables.values()
        for index in table.indexes
        for column in table.columns
        if re.search(rf"\b{column.name} (?:=|<>|IN)", str(index.dialect_options["postgresql"]["where"]))
    }
    bound = re.compile(rf"\b(?:{'|'.join(sorted(columns))})\s*(?:=|<>|!=|IN)\s*\(?\s*\$\d") if columns else None
    found: list[str] = []
    async with engine.connect() as connection:
        for name, function in rehearsed.functions().items():
            with statements_of(engine) as seen:
                for call in rehearsed.variants(name, function):
                    await rehearse(connection, call)
            # What an UPDATE sets stands before its WHERE.
            conditions = [part for one in seen for part in re.split(r"\bWHERE\b", one, maxsplit=1)[1:]]
            if bound and any(map(bound.search, conditions)) and name not in _BOUND_ON_PURPOSE:
                found.append(name)
    assert found == []
