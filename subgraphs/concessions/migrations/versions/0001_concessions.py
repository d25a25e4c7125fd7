"""Create products, stock, orders, outbox and idempotency keys."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE concession_orders (
        id UUID NOT NULL,
        reservation_id UUID,
        customer_id UUID,
        venue_id UUID NOT NULL,
        status TEXT NOT NULL,
        total_minor INTEGER NOT NULL,
        currency TEXT DEFAULT 'BRL' NOT NULL,
        payment_id UUID,
        pickup_code TEXT,
        pickup_day DATE,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_concession_orders PRIMARY KEY (id),
        CONSTRAINT ck_concession_orders_status_known
        CHECK (status IN ('DRAFT', 'PLACED', 'PAID', 'PREPARING', 'READY', 'PICKED_UP',
            'EXPIRED', 'CANCELLED', 'REFUNDED')),
        CONSTRAINT ck_concession_orders_total_not_negative CHECK (total_minor >= 0),
        CONSTRAINT ck_concession_orders_reservation_has_customer
        CHECK (reservation_id IS NULL OR customer_id IS NOT NULL),
        CONSTRAINT ck_concession_orders_pickup_code_has_day CHECK ((pickup_code IS NULL) = (pickup_day IS NULL)),
        CONSTRAINT ck_concession_orders_paid_has_code
        CHECK (status NOT IN ('PAID', 'PREPARING', 'READY') OR pickup_code IS NOT NULL)
    )""",
    """CREATE INDEX ix_concession_orders_reservation_id_created_at ON concession_orders (reservation_id, created_at)""",
    """CREATE UNIQUE INDEX uq_concession_orders_live_reservation ON concession_orders (reservation_id)
    WHERE status IN ('DRAFT', 'PLACED', 'PAID', 'PREPARING', 'READY', 'PICKED_UP')""",
    """CREATE UNIQUE INDEX uq_concession_orders_pickup_code_awaiting ON concession_orders (venue_id, pickup_code)
    WHERE status IN ('PAID', 'PREPARING', 'READY')""",
    """CREATE UNIQUE INDEX uq_concession_orders_pickup_code_of_day
    ON concession_orders (venue_id, pickup_day, pickup_code)
    WHERE pickup_code IS NOT NULL""",
    """CREATE TABLE idempotency (
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        result JSONB,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_idempotency PRIMARY KEY (scope, key)
    )""",
    """CREATE TABLE outbox (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        event_id TEXT NOT NULL,
        type TEXT NOT NULL,
        payload TEXT NOT NULL,
        attempts INTEGER DEFAULT '0' NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (position),
        CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
    )""",
    """CREATE TABLE products (
        id UUID NOT NULL,
        category TEXT NOT NULL,
        size TEXT,
        name_pt TEXT NOT NULL,
        name_en TEXT NOT NULL,
        description_pt TEXT NOT NULL,
        description_en TEXT NOT NULL,
        event_kinds TEXT[] NOT NULL,
        price_minor INTEGER NOT NULL,
        currency TEXT DEFAULT 'BRL' NOT NULL,
        minimum_age SMALLINT,
        position INTEGER NOT NULL,
        active BOOLEAN DEFAULT true NOT NULL,
        CONSTRAINT pk_products PRIMARY KEY (id),
        CONSTRAINT ck_products_category_known CHECK (category IN ('COMBO', 'SNACK', 'DRINK', 'MERCHANDISE')),
        CONSTRAINT ck_products_price_not_negative CHECK (price_minor >= 0),
        CONSTRAINT ck_products_currency_known CHECK (currency = 'BRL')
    )""",
    """CREATE INDEX ix_products_catalogue ON products (position, id)
    WHERE active""",
    """CREATE TABLE concession_order_items (
        order_id UUID NOT NULL,
        product_id UUID NOT NULL,
        position SMALLINT NOT NULL,
        quantity INTEGER NOT NULL,
        unit_price_minor INTEGER NOT NULL,
        CONSTRAINT pk_concession_order_items PRIMARY KEY (order_id, product_id),
        CONSTRAINT ck_concession_order_items_quantity_in_range CHECK (quantity BETWEEN 1 AND 20),
        CONSTRAINT ck_concession_order_items_unit_price_not_negative CHECK (unit_price_minor >= 0),
        CONSTRAINT fk_concession_order_items_order_id FOREIGN KEY(order_id) REFERENCES concession_orders (id),
        CONSTRAINT fk_concession_order_items_product_id FOREIGN KEY(product_id) REFERENCES products (id)
    )""",
    """CREATE TABLE product_stock (
        venue_id UUID NOT NULL,
        product_id UUID NOT NULL,
        available INTEGER NOT NULL,
        reserved INTEGER DEFAULT '0' NOT NULL,
        sold INTEGER DEFAULT '0' NOT NULL,
        CONSTRAINT pk_product_stock PRIMARY KEY (venue_id, product_id),
        CONSTRAINT ck_product_stock_available_not_negative CHECK (available >= 0),
        CONSTRAINT ck_product_stock_reserved_not_negative CHECK (reserved >= 0),
        CONSTRAINT ck_product_stock_sold_not_negative CHECK (sold >= 0),
        CONSTRAINT fk_product_stock_product_id FOREIGN KEY(product_id) REFERENCES products (id)
    )""",
    """CREATE INDEX ix_product_stock_product_id ON product_stock (product_id)""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("product_stock")
    op.drop_table("concession_order_items")
    op.drop_table("products")
    op.drop_table("outbox")
    op.drop_table("idempotency")
    op.drop_table("concession_orders")
