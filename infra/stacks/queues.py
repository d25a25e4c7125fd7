"""Queues, each with the dead-letter queue that takes what could not be handled."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

PREFIX = "bilhetagem"
_DEAD_LETTERS_KEPT = Duration.days(14)


class QueueWithDeadLetters(Construct):
    """`bilhetagem-<name>` with `bilhetagem-<name>-dlq` behind it (`.fifo` appended to both for FIFO).

    `visible_again_after` is six times the timeout of the function that consumes it, as the event source mapping needs
    to retry throttled invocations.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        visible_again_after: Duration,
        receives_before_dead: int,
        fifo: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        suffix = ".fifo" if fifo else ""
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{PREFIX}-{name}-dlq{suffix}",
            fifo=fifo or None,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_DEAD_LETTERS_KEPT,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=f"{PREFIX}-{name}{suffix}",
            fifo=fifo or None,
            # A group's order is all that fairness needs: groups do not wait for each other.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if fifo else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if fifo else None,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=visible_again_after,
            retention_period=Duration.days(4),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=receives_before_dead, queue=self.dead_letters),
        )


class DeadLetterQueue(sqs.Queue):
    """`bilhetagem-<name>-dlq`: takes executions that ended in a fault which no retry can pass."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str) -> None:
        super().__init__(
            scope,
            construct_id,
            queue_name=f"{PREFIX}-{name}-dlq",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=_DEAD_LETTERS_KEPT,
        )
