"""Wherever the flow's execution was lost: every centavo is a ticket, popcorn or a refund, and that is told once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from subgraphs.notifications.errors import SendFailed
from tests.workers.reconcile.world import IN_STOCK, POPCORN_PRICE, TICKET, Buyer, World
from workers.reconcile.findings import Kind
from workers.reconcile.reconcile import Reconciliation
from workers.reconcile.report import Report

# The card company's own client sends its requests in a way that httpx deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")

ALL = TICKET + 2 * POPCORN_PRICE
Step = Callable[[World, Buyer], Any]


def reconciled(world: World, **how: Any) -> Report:
    """One run that leaves nothing alone for being young."""
    return Reconciliation(world.steps, grace_seconds=0, **how).run()


def settle(world: World) -> None:
    """Runs until all is in order; at most four, with the mail delivered in between. A last one finds nothing."""
    for _ in range(4):
        report = reconciled(world)
        assert report.is_clean, report
        world.deliver()
        world.until(lambda: world.sql("payments", "SELECT 1 FROM refunds WHERE status <> 'SUCCEEDED'") == [])
        if not +report.found:
            break
    last = reconciled(world)
    assert (+last.found, last.unsettled, world.topic.waiting) == (Counter(), [], [])


def confirm(world: World, buyer: Buyer) -> dict[str, Any]:
    return world.steps.confirm_reservation(buyer.paid(ALL))


def confirm_concessions(world: World, buyer: Buyer) -> dict[str, Any]:
    return world.steps.confirm_concessions({**buyer.paid(ALL), "tickets_total_minor": TICKET})


def notify_confirmed(world: World, buyer: Buyer) -> None:
    order, concessions = confirm(world, buyer)["order"], confirm_concessions(world, buyer)
    data = {**buyer.paid(ALL), "order": order, "concessions": concessions}
    world.steps.notify({"type": "order.confirmed", "data": data})


def lose_news(world: World, buyer: Buyer) -> None:
    world.topic.waiting.clear()


def deliver(world: World, buyer: Buyer) -> None:
    world.deliver()


PAID: list[Step] = [confirm, confirm_concessions, notify_confirmed, lose_news]


@pytest.mark.parametrize("done", range(len(PAID) + 1))
def test_what_was_paid_is_had_and_told(world: World, done: int) -> None:
    """The execution was lost after so many of its steps; the event of the last one too."""
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    for step in PAID[:done]:
        step(world, buyer)
    settle(world)
    assert world.books(buyer) == {
        "status": "CONFIRMED",
        "captured": ALL,
        "returned": 0,
        "tickets": 1,
        "ordered": 2 * POPCORN_PRICE,
        "mails": 1,
    }


def test_a_flow_that_was_not_lost_leaves_nothing_to_do(world: World) -> None:
    """What is in order is looked at once: the next run is not told of it any more."""
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    notify_confirmed(world, buyer)
    world.deliver()
    first = reconciled(world)
    assert (+first.found, first.in_order) == (Counter(), 1)
    assert reconciled(world).in_order == 0
    assert world.books(buyer)["mails"] == 1


@pytest.mark.parametrize("done", range(5))
def test_a_payment_too_late_for_its_units_goes_back_and_is_told(world: World, done: int) -> None:
    """Somebody else holds the place. Lost before, or after the refusal, the refund, the release, the news."""
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    world.end_hold(buyer)
    other = world.take_over(buyer)
    paid = buyer.paid(ALL)
    steps: list[Callable[[], Any]] = [
        lambda: world.steps.confirm_reservation(paid),
        lambda: world.steps.refund_payment({**paid, "reason": "units_unavailable"}),
        lambda: world.steps.release_concessions(paid),
        lambda: world.steps.notify(
            {"type": "order.refunded", "data": {**paid, "reason": "units_unavailable", "refunded_minor": ALL}}
        ),
    ]
    for step in steps[:done]:
        step()
    if done == len(steps):
        world.topic.waiting.clear()
    settle(world)
    books = world.books(buyer)
    assert books | {"mails": 0} == {
        "status": "EXPIRED",
        "captured": ALL,
        "returned": ALL,
        "tickets": 0,
        "ordered": 0,
        "mails": 0,
    }
    assert books["mails"] == 1
    assert world.status(other) == "HELD"


def test_a_refused_payment_is_not_spent_when_the_units_are_free_again(world: World) -> None:
    """The flow was refused and lost before it refunded; then the other buyer gave the place back."""
    buyer = world.buyer()
    world.pay(buyer, TICKET)
    world.end_hold(buyer)
    other = world.take_over(buyer)
    assert world.steps.confirm_reservation(buyer.paid(TICKET)) == {"status": "UNITS_TAKEN"}
    world.cancel(other)
    settle(world)
    assert (world.books(buyer)["tickets"], world.books(buyer)["returned"]) == (0, TICKET)


def test_a_late_payment_whose_units_are_free_buys_them(world: World) -> None:
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    world.end_hold(buyer)
    world.ask("ticketing", "mutation { sweepExpiredHolds }", {})
    settle(world)
    assert world.books(buyer) == {
        "status": "CONFIRMED",
        "captured": ALL,
        "returned": 0,
        "tickets": 1,
        "ordered": 2 * POPCORN_PRICE,
        "mails": 1,
    }


@pytest.mark.parametrize("done", range(6))
@pytest.mark.parametrize("charged", [False, True])
def test_a_hold_that_is_over_ends_everywhere(world: World, done: int, charged: bool) -> None:
    """Nobody paid. Lost before, or after the sweep, the expiry, the release, the charge's end, the news."""
    buyer = world.buyer()
    world.order(buyer, 2)
    if charged:
        world.charge(buyer, ALL)
    world.end_hold(buyer)
    steps: list[Callable[[], Any]] = [
        lambda: world.ask("ticketing", "mutation { sweepExpiredHolds }", {}),
        lambda: world.steps.expire_reservation(buyer.whose),
        lambda: world.steps.release_concessions(buyer.whose),
        lambda: world.steps.close_payments({**buyer.whose, "payment_id": ""}),
        lambda: world.steps.notify({"type": "order.expired", "data": buyer.whose}),
    ]
    for step in steps[:done]:
        step()
    if done == len(steps):
        world.topic.waiting.clear()
    settle(world)
    assert world.books(buyer) == {
        "status": "EXPIRED",
        "captured": 0,
        "returned": 0,
        "tickets": 0,
        "ordered": 0,
        "mails": 1,
    }
    stock = world.sql("concessions", "SELECT available, reserved, sold FROM product_stock")
    assert [tuple(row) for row in stock] == [(IN_STOCK, 0, 0)]
    if charged:
        assert world.payment(buyer.payments[0]).status in ("EXPIRED", "CANCELLED")


def test_popcorn_that_the_flow_gave_up_is_had_although_the_tickets_were_told(world: World) -> None:
    """Concessions were away for long, and the flow told of the tickets alone: the rest of the money has its worth."""
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    nothing = {"pickup_code": "", "items": [], "refund_minor": 0}
    data = {**buyer.paid(ALL), "order": confirm(world, buyer)["order"], "concessions": nothing}
    world.steps.notify({"type": "order.confirmed", "data": data})
    world.deliver()
    assert +reconciled(world).found == Counter({Kind.MONEY_LEFT_OVER: 1})
    settle(world)
    books = world.books(buyer)
    assert (books["tickets"], books["ordered"], books["returned"], books["mails"]) == (1, 2 * POPCORN_PRICE, 0, 1)


@pytest.mark.parametrize("left", ["an order", "a charge"])
def test_what_was_left_open_is_closed_although_the_expiry_was_told(world: World, left: str) -> None:
    buyer = world.buyer()
    if left == "an order":
        world.order(buyer, 2)
    else:
        world.charge(buyer, TICKET)
    world.end_hold(buyer)
    world.sql("concessions", "UPDATE concession_orders SET expires_at = now() + interval '1 hour'")
    world.sql("payments", "UPDATE payments SET expires_at = now() + interval '1 hour'")
    world.steps.expire_reservation(buyer.whose)
    world.steps.notify({"type": "order.expired", "data": buyer.whose})
    world.deliver()
    assert +reconciled(world).found == Counter({Kind.EXPIRY_UNFINISHED: 1})
    settle(world)
    assert world.books(buyer)["ordered"] == 0
    assert not world.sql("payments", "SELECT 1 FROM payments WHERE status = 'REQUIRES_ACTION'")


@pytest.mark.parametrize("left", ["money", "an order", "a charge"])
def test_what_was_left_is_given_back_although_the_cancellation_was_told(world: World, left: str) -> None:
    buyer = world.buyer()
    if left == "money":
        world.pay(buyer, TICKET)
    elif left == "an order":
        world.order(buyer, 2)
    else:
        world.charge(buyer, TICKET)
    world.cancel(buyer)
    data = {**buyer.whose, "refunded": False, "payment_id": "", "refunded_minor": 0}
    world.steps.notify({"type": "order.cancelled", "data": data})
    world.deliver()
    assert +reconciled(world).found == Counter({Kind.CANCELLATION_UNFINISHED: 1})
    settle(world)
    books = world.books(buyer)
    assert (books["returned"], books["ordered"]) == (TICKET if left == "money" else 0, 0)
    assert not world.sql("payments", "SELECT 1 FROM payments WHERE status = 'REQUIRES_ACTION'")


def test_nothing_is_told_while_a_card_is_being_processed(world: World) -> None:
    """It can be neither withdrawn nor counted: the card company's word decides what the buyer has and reads."""
    buyer = world.buyer()
    payment_id = world.charge(buyer, TICKET, card="pm_card_slow")
    assert world.payment(payment_id).status == "PROCESSING"
    world.end_hold(buyer)
    report = reconciled(world)
    assert (Kind.HOLD_OVERDUE, True) in [(one.kind, one.passing) for one in report.unsettled]
    assert world.topic.waiting == []
    world.until(lambda: world.payment(payment_id).status == "SUCCEEDED")
    settle(world)
    assert (world.books(buyer)["tickets"], world.books(buyer)["mails"]) == (1, 1)


def test_mail_that_could_not_be_sent_is_sent_later(world: World) -> None:
    """The event had arrived, and the mail provider was away until the queue gave up."""
    buyer = world.buyer()
    world.pay(buyer, TICKET)
    reconciled(world)
    world.mailbox.is_down = True
    with pytest.raises(SendFailed):
        world.deliver()
    world.mailbox.is_down = False
    assert +reconciled(world).found == Counter({Kind.CONFIRMATION_UNTOLD: 1})
    settle(world)
    assert world.books(buyer)["mails"] == 1


def test_a_hold_that_lasts_is_not_taken_for_settled(world: World) -> None:
    """Paid too little, which is on its way back: the hold has its own end, which has to be found when it comes."""
    buyer = world.buyer()
    world.pay(buyer, TICKET - 1)
    world.faults(http_500=500)
    reconciled(world)
    assert reconciled(world).in_order == 0
    world.faults()
    world.end_hold(buyer)
    settle(world)
    assert (world.status(buyer), world.books(buyer)["returned"]) == ("EXPIRED", TICKET - 1)


def test_what_stays_is_passed_by(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By pages of two: a dry run leaves everything where it is and still comes to the end of it."""
    monkeypatch.setattr("workers.reconcile.reconcile.PAGE", 2)
    for _ in range(4):
        world.pay(world.buyer(), TICKET)
    report = reconciled(world, dry=True)
    assert (+report.found, report.unfinished) == (Counter({Kind.PAYMENT_UNPLACED: 4}), None)


def test_nothing_is_told_while_the_bank_cannot_be_asked(world: World) -> None:
    """A charge that may have been paid: nobody is told that nothing was."""
    buyer = world.buyer()
    world.charge(buyer, TICKET)
    world.end_hold(buyer)
    world.sql("payments", "UPDATE payments SET expires_at = now() + interval '1 hour'")
    world.faults(http_500=500)
    report = reconciled(world)
    assert [(one.kind, one.passing) for one in report.unsettled] == [(Kind.HOLD_OVERDUE, True)]
    assert world.topic.waiting == []
    world.faults()
    settle(world)
    assert (world.status(buyer), world.books(buyer)["mails"]) == ("EXPIRED", 1)


@pytest.mark.parametrize("ordered", [0, 2])
def test_the_bank_is_asked_before_a_hold_is_given_up(world: World, ordered: int) -> None:
    """Paid in the last second, and no webhook came: the bank's word buys the tickets."""
    buyer = world.buyer()
    if ordered:
        world.order(buyer, ordered)
    amount = TICKET + ordered * POPCORN_PRICE
    world.faults(drop_webhooks=True)
    payment_id = world.charge(buyer, amount)
    world.sql("payments", "UPDATE payments SET check_at = now() + interval '1 hour'")
    world.pay_at_the_bank(payment_id)
    world.end_hold(buyer)
    assert world.payment(payment_id).status == "REQUIRES_ACTION"
    settle(world)
    books = world.books(buyer)
    assert (books["status"], books["tickets"], books["returned"]) == ("CONFIRMED", 1, 0)
    assert books["ordered"] == ordered * POPCORN_PRICE


@pytest.mark.parametrize("done", range(6))
def test_what_was_bought_and_given_back_is_refunded_once(world: World, done: int) -> None:
    """Lost before, or after the refund, the popcorn, the charges, the news, its delivery."""
    buyer = world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    notify_confirmed(world, buyer)
    world.deliver()
    world.cancel(buyer)
    steps: list[Callable[[], Any]] = [
        lambda: world.steps.refund_payment({**buyer.paid(0), "reason": "cancelled_by_customer"}),
        lambda: world.steps.cancel_concessions(buyer.whose),
        lambda: world.steps.close_payments({**buyer.whose, "payment_id": ""}),
        lambda: world.steps.notify({"type": "order.cancelled", "data": {**buyer.paid(0), "refunded_minor": ALL}}),
        world.deliver,
    ]
    for step in steps[:done]:
        step()
    settle(world)
    assert world.books(buyer) == {
        "status": "CANCELLED",
        "captured": ALL,
        "returned": ALL,
        "tickets": 0,
        "ordered": 0,
        "mails": 2,
    }


def test_a_reservation_given_back_while_the_bank_paid_is_refunded(world: World) -> None:
    """Cancelled with an open charge that is paid at that moment."""
    buyer = world.buyer()
    world.order(buyer, 2)
    payment_id = world.charge(buyer, ALL)
    world.cancel(buyer)
    world.pay_at_the_bank(payment_id)
    world.until(lambda: world.payment(payment_id).status == "SUCCEEDED")
    settle(world)
    books = world.books(buyer)
    assert (books["status"], books["returned"], books["ordered"], books["mails"]) == ("CANCELLED", ALL, 0, 1)


def test_of_two_payments_one_goes_back(world: World) -> None:
    """The first was withdrawn and paid all the same; the second bought the tickets. Both are told."""
    buyer = world.buyer()
    first = world.charge(buyer, TICKET)
    world.sql("payments", "UPDATE payments SET status = 'CANCELLED'")
    world.pay(buyer, TICKET)
    world.pay_at_the_bank(first)
    world.until(lambda: world.payment(first).status == "SUCCEEDED")
    settle(world)
    books = world.books(buyer)
    assert (books["tickets"], books["captured"], books["returned"], books["mails"]) == (1, 2 * TICKET, TICKET, 2)


@pytest.mark.parametrize("asked", [False, True])
def test_popcorn_that_is_gone_is_refunded_alone(world: World, asked: bool) -> None:
    """And only once, although the flow may have asked for that refund before it was lost."""
    buyer, other = world.buyer(), world.buyer()
    world.order(buyer, 2)
    world.pay(buyer, ALL)
    world.steps.release_concessions(buyer.whose)
    world.order(other, 9)
    confirm(world, buyer)
    answer = confirm_concessions(world, buyer)
    assert answer["refund_minor"] == 2 * POPCORN_PRICE
    if asked:
        world.steps.refund_payment({**buyer.paid(ALL), "reason": "concessions_unavailable", "refund_minor": 3_000})
    settle(world)
    books = world.books(buyer)
    assert (books["tickets"], books["returned"], books["ordered"], books["mails"]) == (1, 2 * POPCORN_PRICE, 0, 1)


def test_money_for_a_reservation_that_nobody_knows_goes_back(world: World) -> None:
    buyer = world.buyer()
    unknown = Buyer(buyer.customer_id, buyer.customer_id)
    world.pay(unknown, TICKET)
    settle(world)
    [row] = world.sql("payments", "SELECT refunded_minor FROM payments")
    assert row.refunded_minor == TICKET


def test_a_refund_that_the_bank_missed_is_pushed_on(world: World) -> None:
    """The bank failed when it was asked for; while it is away the run says so and goes on."""
    buyer = world.buyer()
    world.pay(buyer, TICKET)
    world.faults(http_500=500)
    world.steps.refund_payment({**buyer.paid(TICKET), "reason": "units_unavailable"})
    world.sql("payments", "UPDATE refunds SET check_at = now() + interval '1 hour'")
    report = reconciled(world)
    assert [(one.kind, one.passing) for one in report.unsettled] == [(Kind.REFUND_UNFINISHED, True)]
    assert report.alarming == 0
    world.faults()
    settle(world)
    assert world.payment(buyer.payments[0]).refunded_minor == TICKET


def test_a_charge_whose_end_has_passed_is_closed(world: World) -> None:
    """Also when its reservation was bought by another payment long ago."""
    buyer = world.buyer()
    open_charge = world.charge(buyer, TICKET)
    world.sql("payments", "UPDATE payments SET expires_at = now() - interval '1 minute'")
    settle(world)
    assert world.payment(open_charge).status in ("EXPIRED", "CANCELLED")
    assert world.status(buyer) == "HELD"


def test_a_reference_that_names_no_reservation_is_left_to_people(world: World) -> None:
    buyer = world.buyer()
    payment_id = world.charge(buyer, TICKET, reference="reservation:garbage")
    world.pay_at_the_bank(payment_id)
    world.until(lambda: world.payment(payment_id).status == "SUCCEEDED")
    report = reconciled(world)
    assert [(one.kind, one.subject) for one in report.unsettled] == [(Kind.PAYMENT_UNPLACED, payment_id)]
    assert report.alarming == 1


def test_missing_tickets_are_left_to_people(world: World) -> None:
    """They are issued with the sale, in one transaction: who finds none has found a fault."""
    buyer = world.buyer()
    world.pay(buyer, TICKET)
    reconciled(world)
    world.deliver()
    world.sql("ticketing", "DELETE FROM tickets")
    world.sql("ticketing", "UPDATE reservations SET settled_status = NULL")
    report = reconciled(world)
    assert [one.kind for one in report.unsettled if not one.passing] == [Kind.TICKETS_MISSING]


def test_what_is_found_for_an_hour_is_left_to_people(world: World) -> None:
    """Mail that never arrives, say."""
    buyer = world.buyer()
    world.pay(buyer, TICKET)
    assert reconciled(world).alarming == 0
    world.sql("ticketing", "UPDATE reservations SET confirmed_at = now() - interval '2 hours'")
    report = reconciled(world)
    assert [one.kind for one in report.unsettled] == [Kind.CONFIRMATION_UNTOLD]
    assert report.alarming == 1


def test_a_dry_run_finds_the_same_and_changes_nothing(world: World) -> None:
    paid, over = world.buyer(), world.buyer()
    world.order(paid, 2)
    world.pay(paid, ALL)
    world.charge(over, TICKET)
    world.end_hold(over)
    before = (world.books(paid), world.books(over))
    report = reconciled(world, dry=True)
    assert set(+report.found) == {Kind.PAYMENT_UNPLACED, Kind.HOLD_OVERDUE, Kind.PAYMENT_OVERDUE}
    assert (+report.done, world.topic.waiting) == (Counter(), [])
    assert (world.books(paid), world.books(over)) == before
    assert world.payment(over.payments[0]).status == "REQUIRES_ACTION"


def test_what_is_under_way_is_left_alone(world: World) -> None:
    """Neither a hold that lasts, nor money that came a moment ago."""
    world.pay(world.buyer(), TICKET)
    world.charge(world.buyer(), TICKET)
    report = Reconciliation(world.steps).run()
    assert (+report.found, report.in_order) == (Counter(), 0)


def test_a_run_that_is_cut_off_is_continued_by_the_next(world: World) -> None:
    """Its time ends after the first payment that it placed; none is placed twice, and all are in the end."""
    buyers = [world.buyer() for _ in range(4)]
    for buyer in buyers:
        world.pay(buyer, TICKET)
    clock = iter([0.0] * 4 + [1.0] * 10)
    report = reconciled(world, ends_at=1.0, clock=lambda: next(clock))
    assert report.unfinished is not None
    assert 0 < sum(report.done.values()) < len(buyers)
    settle(world)
    assert [world.books(buyer)["tickets"] for buyer in buyers] == [1] * 4


def test_a_service_that_is_away_ends_its_part_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticketing does not answer: overdue orders and charges are ended all the same, and the run says what was left."""
    buyer = world.buyer()
    world.order(buyer, 1)
    world.charge(buyer, TICKET)
    world.end_hold(buyer)
    urls = world.steps.services._urls  # type: ignore[attr-defined]
    monkeypatch.setitem(urls, "ticketing", "http://127.0.0.1:9/graphql")
    report = reconciled(world)
    assert report.unfinished is not None
    assert "ticketing" in report.unfinished
    assert (report.done[Kind.ORDER_OVERDUE], report.done[Kind.PAYMENT_OVERDUE]) == (1, 1)
    monkeypatch.undo()
    settle(world)
    assert world.status(buyer) == "EXPIRED"
