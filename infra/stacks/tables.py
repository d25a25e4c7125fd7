"""DynamoDB tables. Items that only matter for a while carry `expires_at` (epoch seconds) and go by themselves."""

from aws_cdk import Acknowledgment, RemovalPolicy, Validations
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.stacks.queues import PREFIX

WAITING_INDEX = "waiting"
_STRING = dynamodb.AttributeType.STRING


class Tables(Construct):
    """`reservation_requests`, `task_tokens`, `suggestions`, `signals`: all on demand, encrypted."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.reservation_requests = self._table(
            "ReservationRequests", "reservation-requests", partition="reservation_id", kept=True
        )
        # Sparse: a request has a line from its recording until it is decided (docs/adr/0014).
        self.reservation_requests.add_global_secondary_index(
            index_name=WAITING_INDEX,
            partition_key=dynamodb.Attribute(name="line", type=_STRING),
            sort_key=dynamodb.Attribute(name="sequence", type=_STRING),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["since"],
        )
        self.task_tokens = self._table("TaskTokens", "task-tokens", partition="id", kept=False)
        Validations.of(self.task_tokens).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-DDB3",
                reason="Tokens are worth nothing without the executions that wait.",
            )
        )
        self.suggestions = self._table(
            "Suggestions", "suggestions", partition="customer_id", sort="suggestion_id", kept=True
        )
        self.signals = self._table("Signals", "suggestion-signals", partition="pk", sort="sk", kept=True)

    def _table(
        self, construct_id: str, name: str, *, partition: str, sort: str | None = None, kept: bool
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            table_name=f"{PREFIX}-{name}",
            partition_key=dynamodb.Attribute(name=partition, type=_STRING),
            sort_key=dynamodb.Attribute(name=sort, type=_STRING) if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=kept
            ),
            removal_policy=RemovalPolicy.RETAIN if kept else RemovalPolicy.DESTROY,
        )
