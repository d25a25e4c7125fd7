"""The topic of domain events, and who listens to which of them."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stacks.queues import PREFIX

LISTENERS = {
    "notifications": (
        "customer.registered",
        "customer.updated",
        "order.confirmed",
        "order.expired",
        "order.cancelled",
        "order.refunded",
    ),
    "suggestions": ("order.confirmed", "concession_order.paid", "reservation.confirmed"),
    "flow_signals": (
        "payment.created",
        "payment.succeeded",
        "payment.failed",
        "payment.expired",
        "payment.cancelled",
        "reservation.cancelled",
        "reservation.settled",
    ),
}


class DomainEvents(Construct):
    """`bilhetagem-domain-events`; each listener's queue gets the raw message of the types it listens to."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(
            self,
            "Topic",
            topic_name=f"{PREFIX}-domain-events",
            master_key=kms.Alias.from_alias_name(self, "Key", "alias/aws/sns"),
            enforce_ssl=True,
        )

    def deliver(self, listener: str, queue: sqs.IQueue) -> None:
        """`listener` is a key of LISTENERS."""
        self.topic.add_subscription(
            subscriptions.SqsSubscription(
                queue,
                raw_message_delivery=True,
                filter_policy={"type": sns.SubscriptionFilter.string_filter(allowlist=list(LISTENERS[listener]))},
            )
        )
