"""What the payment flow asks of the payments service. Every operation is idempotent."""

RECONCILE_PAYMENT = """
mutation ReconcilePayment($input: ReconcilePaymentsInput!) {
  reconcilePayments(input: $input) { payments { paymentId status } }
}
"""

EXPIRE_PAYMENT = """
mutation ExpirePayment($input: ExpirePaymentInput!) { expirePayment(input: $input) { status } }
"""
