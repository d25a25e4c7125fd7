"""Faults of this service; each leaves the message in the queue.

NotificationFault
├── ContactUnknown      an order's event overtook the customer's own: right after redelivery
└── SendFailed          SES or SNS did not take it
"""


class NotificationFault(Exception):
    """Base of what goes wrong here."""


class ContactUnknown(NotificationFault):
    """No ``customer.registered`` has been seen for this customer yet."""


class SendFailed(NotificationFault):
    """The provider refused the message or could not be reached."""
