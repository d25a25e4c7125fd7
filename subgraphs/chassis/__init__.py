"""The microservice chassis: what every service needs and none should write twice. It knows no service.

A service is a few small files on top of it::

    # settings.py
    class Settings(ServiceSettings):
        service: ClassVar[str] = "payments"
        pix_base_url: str

    # tables.py
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    outbox.outbox_table(metadata); inbox.inbox_table(metadata); idempotency.idempotency_table(metadata)

    # schema.py
    schema = build_schema(query=Query, mutation=Mutation, types=[Payment])

    # types.py, at the edge: a resolver opens the transaction and hands the connection to the use case
    @strawberry.federation.type(keys=["id"])
    class Payment(Node):
        id: strawberry.ID
        @classmethod
        async def resolve_reference(cls, info: Info, id: strawberry.ID) -> "Payment | None":
            payment_id = global_id.decode("Payment", id)            # None for garbage or another type's id
            ...
            return await info.context.loader("payments", load_payments).load(payment_id)

    async with info.context.database.transaction() as connection:
        await outbox.append(connection, new_event("payment.created", source="payments", subject=id, data=Created(...)))

    # retention.py
    RULES = (idempotency.RETENTION,)

    # app.py
    def create_app(settings: Settings | None = None) -> FastAPI:
        return build_app(settings or Settings(), schema, resources=open_clients, consumers=consumers, retention=RULES)

    # migrations/env.py
    run_migrations(context, metadata)

Commands: ``python -m subgraphs.chassis.migrate payments`` · ``python -m subgraphs.chassis.sdl payments`` ·
``python -m subgraphs.chassis.event_schema payments``.

Rooms: ``settings`` ``database`` ``transient`` ``listener`` ``events`` ``outbox`` ``inbox`` ``consumer`` ``idempotency``
``retention`` ``aws`` ``thread_lane`` ``waiting`` ``qr_codes`` ``identity`` ``client_address`` ``service_tokens``
``telemetry`` ``metrics`` ``health`` ``migrations`` ``demo`` ``app`` and ``graphql/``.
"""
