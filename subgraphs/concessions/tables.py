"""The tables of the service. The rules that must hold whatever the code does are constraints here."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from subgraphs.chassis.database import NAMING_CONVENTION
from subgraphs.chassis.idempotency import idempotency_table
from subgraphs.chassis.outbox import outbox_table

metadata = MetaData(naming_convention=NAMING_CONVENTION)

outbox = outbox_table(metadata)
idempotency = idempotency_table(metadata)

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("category", Text, nullable=False),
    Column("size", Text),
    Column("name_pt", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("description_pt", Text, nullable=False),
    Column("description_en", Text, nullable=False),
    Column("event_kinds", ARRAY(Text), nullable=False),
    Column("price_minor", Integer, nullable=False),
    Column("currency", Text, nullable=False, server_default="BRL"),
    Column("minimum_age", SmallInteger),
    Column("position", Integer, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("category IN ('COMBO', 'SNACK', 'DRINK', 'MERCHANDISE')", name="category_known"),
    CheckConstraint("price_minor >= 0", name="price_not_negative"),
    CheckConstraint("currency = 'BRL'", name="currency_known"),
    # Pages of the catalogue go by (position, id).
    Index("ix_products_catalogue", "position", "id", postgresql_where=text("active")),
)

product_stock = Table(
    "product_stock",
    metadata,
    Column("venue_id", Uuid, primary_key=True),
    Column("product_id", ForeignKey("products.id"), primary_key=True),
    Column("available", Integer, nullable=False),
    Column("reserved", Integer, nullable=False, server_default="0"),
    Column("sold", Integer, nullable=False, server_default="0"),
    CheckConstraint("available >= 0", name="available_not_negative"),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
    CheckConstraint("sold >= 0", name="sold_not_negative"),
    Index("ix_product_stock_product_id", "product_id"),
)

# The reservations that have ordered or ended. The row is locked before anything is done with the orders, and
# tells a late checkout that the reservation is over, also when it never had an order.
reservations = Table(
    "reservations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, nullable=False),
    Column("ended", Text),
    # The payment that bought the reservation but not its order, and why not. The answer is final: that part of the
    # money goes back, so it may not buy the order later, when there is stock again.
    Column("refused_payment_id", Uuid),
    Column("refusal", Text),
    Column("ordered", Boolean, nullable=False, server_default=text("false")),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("ended IN ('EXPIRED', 'CANCELLED')", name="ended_known"),
    CheckConstraint("refusal IN ('NONE', 'EXPIRED', 'CANCELLED', 'AMOUNT_MISMATCH')", name="refusal_known"),
    CheckConstraint("(refusal IS NULL) = (refused_payment_id IS NULL)", name="refusal_has_payment"),
    Index("ix_reservations_without_orders", "seen_at", postgresql_where=text("NOT ordered")),
)

concession_orders = Table(
    "concession_orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    # None for an order that stands alone (at a counter), with or without a known customer.
    Column("reservation_id", ForeignKey("reservations.id")),
    Column("customer_id", Uuid),
    Column("venue_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("total_minor", Integer, nullable=False),
    Column("currency", Text, nullable=False, server_default="BRL"),
    Column("payment_id", Uuid),
    Column("pickup_code", Text),
    Column("pickup_day", Date),
    # When an order that nobody has paid for ends by itself and gives its stock back.
    Column("expires_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint(
        "status IN ('DRAFT', 'PLACED', 'PAID', 'PREPARING', 'READY', 'PICKED_UP', 'EXPIRED', 'CANCELLED', 'REFUNDED')",
        name="status_known",
    ),
    CheckConstraint("total_minor >= 0", name="total_not_negative"),
    CheckConstraint("reservation_id IS NULL OR customer_id IS NOT NULL", name="reservation_has_customer"),
    CheckConstraint("(pickup_code IS NULL) = (pickup_day IS NULL)", name="pickup_code_has_day"),
    CheckConstraint("status NOT IN ('PAID', 'PREPARING', 'READY') OR pickup_code IS NOT NULL", name="paid_has_code"),
    CheckConstraint("status <> 'PLACED' OR expires_at IS NOT NULL", name="placed_has_end"),
    # One live order per reservation.
    Index(
        "uq_concession_orders_live_reservation",
        "reservation_id",
        unique=True,
        postgresql_where=text("status IN ('DRAFT', 'PLACED', 'PAID', 'PREPARING', 'READY', 'PICKED_UP')"),
    ),
    Index("ix_concession_orders_reservation_id_created_at", "reservation_id", "created_at"),
    Index("ix_concession_orders_overdue", "expires_at", postgresql_where=text("status = 'PLACED'")),
    # A code means one order on its day, and one order among those that the counter still owes something.
    Index(
        "uq_concession_orders_pickup_code_of_day",
        "venue_id",
        "pickup_day",
        "pickup_code",
        unique=True,
        postgresql_where=text("pickup_code IS NOT NULL"),
    ),
    Index(
        "uq_concession_orders_pickup_code_awaiting",
        "venue_id",
        "pickup_code",
        unique=True,
        postgresql_where=text("status IN ('PAID', 'PREPARING', 'READY')"),
    ),
)

concession_order_items = Table(
    "concession_order_items",
    metadata,
    Column("order_id", ForeignKey("concession_orders.id"), primary_key=True),
    Column("product_id", ForeignKey("products.id"), primary_key=True),
    Column("position", SmallInteger, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_minor", Integer, nullable=False),
    CheckConstraint("quantity BETWEEN 1 AND 20", name="quantity_in_range"),
    CheckConstraint("unit_price_minor >= 0", name="unit_price_not_negative"),
)
