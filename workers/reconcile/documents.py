"""What the reconciliation asks of the subgraphs, beside the operations of the reservation flow."""

UNSETTLED_RESERVATIONS = """
query UnsettledReservations($first: Int!, $grace: Int!, $after: String) {
  unsettledReservations(first: $first, graceSeconds: $grace, after: $after) { reservationId cursor }
}
"""

UNACCOUNTED_PAYMENTS = """
query UnaccountedPayments($input: UnsettledPaymentsInput!) {
  unaccountedPayments(input: $input) { paymentId reference cursor }
}
"""

OVERDUE_PAYMENTS = """
query OverduePayments($input: UnsettledPaymentsInput!) {
  overduePayments(input: $input) { paymentId reference cursor }
}
"""

UNFINISHED_REFUNDS = """
query UnfinishedRefunds($first: Int!, $grace: Int!, $after: String) {
  unfinishedRefunds(first: $first, graceSeconds: $grace, after: $after) { refundId paymentId cursor }
}
"""

RESERVATION_FACTS = """
query ReservationFacts($ids: [ID!]!) {
  reservationFacts(ids: $ids) {
    reservationId customerId status ageSeconds quantity totalMinor paymentId tickets
  }
}
"""

PAYMENT_FACTS = """
query PaymentFacts($references: [String!]!) {
  paymentFacts(references: $references) { paymentId reference payerId status amountMinor keptMinor isOpen }
}
"""

CONCESSION_FACTS = """
query ConcessionFacts($ids: [ID!]!) {
  concessionOrderFacts(reservationIds: $ids) { reservationId status totalMinor }
}
"""

ARRIVED_EVENTS = """
query ArrivedEvents($ids: [String!]!) { arrivedEvents(ids: $ids) { eventId unsent } }
"""

OVERDUE_ORDERS = """
query OverdueConcessionOrders { overdueConcessionOrders }
"""

EXPIRE_OVERDUE_ORDERS = """
mutation ExpireOverdueConcessionOrders { expireOverdueConcessionOrders }
"""

EXPIRE_PAYMENT = """
mutation ExpirePayment($input: ExpirePaymentInput!) { expirePayment(input: $input) { status } }
"""

CANCEL_PAYMENTS = """
mutation CancelPayments($input: CancelPaymentsInput!) { cancelPayments(input: $input) { cancelled } }
"""

PUSH_REFUND = """
mutation PushRefund($input: PushRefundInput!) { pushRefund(input: $input) { status } }
"""

SETTLE_RESERVATIONS = """
mutation SettleReservations($settled: [SettledReservationInput!]!) { settleReservations(settled: $settled) }
"""

ACCOUNT_FOR_PAYMENTS = """
mutation AccountForPayments($accounted: [AccountedPaymentInput!]!) { accountForPayments(accounted: $accounted) }
"""
