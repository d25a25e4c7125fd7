"""What the reservation flow asks of the subgraphs. Every operation is idempotent."""

CONFIRM_RESERVATION = """
mutation ConfirmReservation($input: ConfirmReservationInput!) {
  confirmReservation(input: $input) {
    status
    order {
      eventId eventName sessionId venueName startsAt timeZone units totalMinor currency
      tickets { id code qrPayload }
    }
  }
}
"""

EXPIRE_RESERVATION = """
mutation ExpireReservation($input: ExpireReservationInput!) { expireReservation(input: $input) { status } }
"""

CONFIRM_CONCESSIONS = """
mutation ConfirmConcessionOrder($input: ConfirmConcessionOrderInput!) {
  confirmConcessionOrder(input: $input) { status pickupCode totalMinor items { name quantity } }
}
"""

EXPIRE_CONCESSIONS = """
mutation ExpireConcessionOrder($input: ExpireConcessionOrderInput!) { expireConcessionOrder(input: $input) { status } }
"""

CANCEL_CONCESSIONS = """
mutation CancelConcessionOrder($input: CancelConcessionOrderInput!) { cancelConcessionOrder(input: $input) { status } }
"""

RECONCILE_PAYMENTS = """
mutation ReconcilePayments($input: ReconcilePaymentsInput!) {
  reconcilePayments(input: $input) { payments { paymentId status amountMinor } }
}
"""

CANCEL_PAYMENTS = """
mutation CancelPayments($input: CancelPaymentsInput!) { cancelPayments(input: $input) { settledPaymentId } }
"""

REFUND_PAYMENT = """
mutation RefundPayment($input: RefundPaymentInput!) {
  refundPayment(input: $input) { refundId status amountMinor errors { code message } }
}
"""
