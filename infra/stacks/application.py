"""The application stack: everything the workers, the event-driven services and the flows stand on."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import Arn, ArnComponents, ArnFormat, CfnOutput, CfnParameter, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.stacks.events import DomainEvents
from infra.stacks.flows import Flow
from infra.stacks.functions import Code, PlatformFunction
from infra.stacks.monitoring import Monitoring
from infra.stacks.queues import PREFIX, QueueWithDeadLetters
from infra.stacks.tables import WAITING_INDEX, Tables

STACK_NAME = "bilhetagem-application"
SERVICE_TOKEN_KEY_PARAMETER = "/bilhetagem/workers/service-token-key"  # noqa: S105 (a name, not a secret)

# A step waits for a payment company; whatever it is asked for, its state machine tries for hours.
_STEP_TIMEOUT = Duration.seconds(20)
# Consumers only talk to our own: five seconds are enough, and a worker that is killed or frozen keeps its batch, and
# with it its sector, for no longer than the visibility timeout, which AWS asks to be six times as long.
_CONSUMER_TIMEOUT = Duration.seconds(5)
# A run stops by itself 20 s before this, and the next goes on where it stopped.
_RECONCILE_TIMEOUT = Duration.seconds(120)
_VISIBLE_AGAIN = Duration.seconds(30)
# Consumers shorten the wait themselves, from 2 s to 60 s: two hundred receives last for more than three hours.
_RECEIVES_BEFORE_DEAD = 200
# Services read their own queues, without a function, and leave what fails to the visibility timeout: three hours.
_SERVICES_VISIBLE_AGAIN = Duration.seconds(120)
_SERVICES_RECEIVES_BEFORE_DEAD = 100

# How many run at once, by kind of work, so that none takes what another needs. What a queue wakes is bounded by its
# mapping (batches of ten; groups of a FIFO queue run side by side, a group never does) and is never throttled: a batch
# whose function is throttled would stay invisible. Its reserved share is a little more, as AWS advises.
# Allocations: four batches, each one transaction of ticketing's, are a few hundred reservations a second, and few
# connections. Signals: some five a purchase, some ten milliseconds each.
_ALLOCATIONS_AT_ONCE = 4
_SIGNALS_AT_ONCE = 8
_RESERVED_FOR_CONSUMERS = 10
_RESERVED_FOR_STEPS = 50


@dataclass(frozen=True, slots=True)
class Parameters:
    code_bucket: CfnParameter
    code_key: CfnParameter
    ticketing_url: CfnParameter
    payments_url: CfnParameter
    concessions_url: CfnParameter
    customers_url: CfnParameter
    notifications_url: CfnParameter
    service_token_jwks: CfnParameter
    suggestions_default: CfnParameter
    environment: CfnParameter


class ApplicationStack(Stack):
    """Deployable as it is: where code lies and where services answer are parameters of the template."""

    def __init__(self, scope: Construct, construct_id: str, **kwargs: Any) -> None:
        super().__init__(
            scope, construct_id, description="Ticketing platform: queues, events, tables, workers and flows.", **kwargs
        )
        self._parameters = self._declare_parameters()
        self._tables = Tables(self, "Tables")
        self._events = DomainEvents(self, "DomainEvents")
        self._declare_queues()
        self._declare_functions()
        self._declare_suggestions()
        self._declare_flows()
        self._connect()
        self._watch()
        self._declare_outputs()

    def _declare_parameters(self) -> Parameters:
        def text(name: str, description: str, **more: Any) -> CfnParameter:
            return CfnParameter(self, name, type="String", description=description, **more)

        return Parameters(
            code_bucket=text("CodeBucket", "Bucket of the functions' zip."),
            code_key=text("CodeKey", "Key of the functions' zip."),
            ticketing_url=text("TicketingUrl", "GraphQL endpoint of ticketing."),
            payments_url=text("PaymentsUrl", "GraphQL endpoint of payments."),
            concessions_url=text("ConcessionsUrl", "GraphQL endpoint of concessions."),
            customers_url=text("CustomersUrl", "GraphQL endpoint of customers."),
            notifications_url=text("NotificationsUrl", "GraphQL endpoint of notifications."),
            service_token_jwks=text("ServiceTokenJwks", "Public keys (JWKS) of the callers that may ask suggestions."),
            suggestions_default=text(
                "SuggestionsDefault",
                "What is suggested when the suggestions service does not answer (JSON).",
                default='{"version":1,"items":[]}',
            ),
            environment=text(
                "Environment",
                "development or production.",
                default="development",
                allowed_values=["development", "production"],
            ),
        )

    def _declare_queues(self) -> None:
        def for_function(construct_id: str, name: str, *, fifo: bool = False) -> QueueWithDeadLetters:
            return QueueWithDeadLetters(
                self,
                construct_id,
                name=name,
                fifo=fifo,
                visible_again_after=_VISIBLE_AGAIN,
                receives_before_dead=_RECEIVES_BEFORE_DEAD,
            )

        def for_service(construct_id: str, name: str) -> QueueWithDeadLetters:
            return QueueWithDeadLetters(
                self,
                construct_id,
                name=name,
                visible_again_after=_SERVICES_VISIBLE_AGAIN,
                receives_before_dead=_SERVICES_RECEIVES_BEFORE_DEAD,
            )

        self._requests = for_function("ReservationRequests", "reservation-requests", fifo=True)
        self._signals = for_function("FlowSignals", "flow-signals")
        self._notifications = for_service("NotificationsEvents", "notifications-events")
        self._suggestions_events = for_service("SuggestionsEvents", "suggestions-events")
        self._events.deliver("flow_signals", self._signals.queue)
        self._events.deliver("notifications", self._notifications.queue)
        self._events.deliver("suggestions", self._suggestions_events.queue)

    def _declare_functions(self) -> None:
        given = self._parameters
        bucket = s3.Bucket.from_bucket_name(self, "CodeBucketReference", given.code_bucket.value_as_string)
        self._code = Code(
            location=lambda_.Code.from_bucket(bucket, given.code_key.value_as_string),
            environment={"ENVIRONMENT": given.environment.value_as_string},
        )
        services = {
            "TICKETING_URL": given.ticketing_url.value_as_string,
            "PAYMENTS_URL": given.payments_url.value_as_string,
            "CONCESSIONS_URL": given.concessions_url.value_as_string,
            "CUSTOMERS_URL": given.customers_url.value_as_string,
            "NOTIFICATIONS_URL": given.notifications_url.value_as_string,
            "SERVICE_TOKEN_KEY_PARAMETER": SERVICE_TOKEN_KEY_PARAMETER,
        }
        tokens = {"TASK_TOKENS_TABLE": self._tables.task_tokens.table_name}
        machines = {
            "RESERVATION_FLOW_ARN": self._machine_arn("reservation-flow"),
            "PAYMENT_FLOW_ARN": self._machine_arn("payment-flow"),
        }
        requests_table = {"RESERVATION_REQUESTS_TABLE": self._tables.reservation_requests.table_name}
        topic = {"EVENTS_TOPIC_ARN": self._events.topic.topic_arn}

        def worker(
            construct_id: str, name: str, environment: dict[str, str], at_most: int, timeout: Duration = _STEP_TIMEOUT
        ) -> PlatformFunction:
            return PlatformFunction(
                self,
                construct_id,
                name=name,
                handler=f"workers.{name.replace('-', '_')}.main:handler",
                code=self._code,
                timeout=timeout,
                at_most=at_most,
                environment=environment,
            )

        self._allocate = worker(
            "AllocateReservations",
            "reservation-requests",
            {
                **services,
                **machines,
                "RESERVATION_REQUESTS_QUEUE_URL": self._requests.queue.queue_url,
                "RESERVATION_REQUESTS_DLQ_URL": self._requests.dead_letters.queue_url,
                **requests_table,
            },
            at_most=_RESERVED_FOR_CONSUMERS,
            timeout=_CONSUMER_TIMEOUT,
        )
        self._signal_flows = worker(
            "SignalFlows",
            "flow-signals",
            {
                **tokens,
                **machines,
                "FLOW_SIGNALS_QUEUE_URL": self._signals.queue.queue_url,
                "FLOW_SIGNALS_DLQ_URL": self._signals.dead_letters.queue_url,
            },
            at_most=_RESERVED_FOR_CONSUMERS,
            timeout=_CONSUMER_TIMEOUT,
        )
        self._reservation_steps = worker(
            "ReservationFlowSteps", "reservation-flow", {**services, **topic}, at_most=_RESERVED_FOR_STEPS
        )
        self._payment_steps = worker(
            "PaymentFlowSteps", "payment-flow", {**services, **tokens, **machines}, at_most=_RESERVED_FOR_STEPS
        )
        self._sweep = worker("SweepHolds", "sweep-holds", services, at_most=1)
        self._sweep_requests = worker(
            "SweepRequests",
            "sweep-requests",
            {**services, **requests_table, "RESERVATION_REQUESTS_QUEUE_URL": self._requests.queue.queue_url},
            at_most=1,
        )
        self._reconcile = worker("Reconcile", "reconcile", {**services, **topic}, at_most=1, timeout=_RECONCILE_TIMEOUT)
        for function in (
            self._allocate,
            self._reservation_steps,
            self._payment_steps,
            self._sweep,
            self._sweep_requests,
            self._reconcile,
        ):
            self._let_read_service_token_key(function)

    def _declare_suggestions(self) -> None:
        tables = self._tables
        environment = {
            "SUGGESTIONS_TABLE": tables.suggestions.table_name,
            "SIGNALS_TABLE": tables.signals.table_name,
            "SERVICE_TOKEN_JWKS": self._parameters.service_token_jwks.value_as_string,
        }
        self._suggest = PlatformFunction(
            self,
            "Suggest",
            name="suggest",
            handler="subgraphs.suggestions.lambdas:suggest_handler",
            code=self._code,
            timeout=Duration.seconds(5),
            at_most=50,
            environment=environment,
        )
        self._feedback = PlatformFunction(
            self,
            "SuggestionFeedback",
            name="suggestion-feedback",
            handler="subgraphs.suggestions.lambdas:feedback_handler",
            code=self._code,
            timeout=Duration.seconds(5),
            at_most=20,
            environment=environment,
        )
        for function in (self._suggest, self._feedback):
            for table in (tables.suggestions, tables.signals):
                table.grant(
                    function.role,
                    "dynamodb:GetItem",
                    "dynamodb:BatchGetItem",
                    "dynamodb:Query",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                    "dynamodb:BatchWriteItem",
                    "dynamodb:ConditionCheckItem",
                )
        self._suggestions_default = ssm.StringParameter(
            self,
            "SuggestionsDefaultParameter",
            parameter_name="/bilhetagem/suggestions/default",
            description="What is suggested when the suggestions service does not answer.",
            string_value=self._parameters.suggestions_default.value_as_string,
        )

    def _declare_flows(self) -> None:
        def flow(construct_id: str, name: str, steps: PlatformFunction) -> Flow:
            return Flow(
                self,
                construct_id,
                name=name,
                steps=steps.function,
                tokens=self._tables.task_tokens,
                deadlines=self._signals.queue,
            )

        self._reservation_flow = flow("ReservationFlow", "reservation-flow", self._reservation_steps)
        self._payment_flow = flow("PaymentFlow", "payment-flow", self._payment_steps)

    def _connect(self) -> None:
        """Who may do what to whom, and what wakes which function."""
        tokens = self._tables.task_tokens
        self._events.topic.grant_publish(self._reservation_steps.role)
        self._events.topic.grant_publish(self._reconcile.role)
        self._requests.dead_letters.grant_send_messages(self._allocate.role)
        self._let_start(self._allocate, "reservation-flow")
        # Not `grant`: that would allow every index of the table too.
        requests = self._tables.reservation_requests.table_arn
        for function, actions, resource in (
            (self._allocate, ["dynamodb:PartiQLUpdate"], requests),
            (
                self._sweep_requests,
                ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:PartiQLUpdate"],
                requests,
            ),
            (self._sweep_requests, ["dynamodb:Scan"], f"{requests}/index/{WAITING_INDEX}"),
        ):
            function.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        self._requests.queue.grant_send_messages(self._sweep_requests.role)
        self._signals.queue.grant_send_messages(self._signal_flows.role)
        self._signals.dead_letters.grant_send_messages(self._signal_flows.role)
        self._let_start(self._signal_flows, "reservation-flow", "payment-flow")
        self._let_start(self._payment_steps, "reservation-flow")
        for function in (self._signal_flows, self._payment_steps):
            tokens.grant(function.role, "dynamodb:GetItem", "dynamodb:UpdateItem")
            function.role.add_to_policy(
                iam.PolicyStatement(
                    actions=["states:SendTaskSuccess", "states:SendTaskFailure"],
                    resources=[self._machine_arn("reservation-flow"), self._machine_arn("payment-flow")],
                )
            )
        for function, queue, batches_at_once in (
            (self._allocate, self._requests.queue, _ALLOCATIONS_AT_ONCE),
            (self._signal_flows, self._signals.queue, _SIGNALS_AT_ONCE),
        ):
            function.function.add_event_source(
                sources.SqsEventSource(
                    queue,
                    batch_size=10,
                    report_batch_item_failures=True,
                    max_concurrency=batches_at_once,
                )
            )
        events.Rule(
            self,
            "SweepSchedule",
            rule_name=f"{PREFIX}-sweep-holds",
            description="Tidies up holds that have ended; correctness never waits for it.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(self._sweep.function, retry_attempts=0)],
        )
        events.Rule(
            self,
            "SweepRequestsSchedule",
            rule_name=f"{PREFIX}-sweep-requests",
            description="Sends again, or ends, requests that nobody would decide any more.",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(self._sweep_requests.function, retry_attempts=0)],
        )

        events.Rule(
            self,
            "ReconcileSchedule",
            rule_name=f"{PREFIX}-reconcile",
            description="Takes to its end what was lost on its way: money, tickets, mail, holds, charges, refunds.",
            schedule=events.Schedule.rate(Duration.minutes(5)),
            targets=[targets.LambdaFunction(self._reconcile.function, retry_attempts=0)],
        )

    def _watch(self) -> None:
        Monitoring(
            self,
            "Monitoring",
            queues={
                "reservation-requests": self._requests.queue,
                "flow-signals": self._signals.queue,
                "notifications-events": self._notifications.queue,
                "suggestions-events": self._suggestions_events.queue,
            },
            dead_letters={
                "reservation-requests": self._requests.dead_letters,
                "flow-signals": self._signals.dead_letters,
                "notifications-events": self._notifications.dead_letters,
                "suggestions-events": self._suggestions_events.dead_letters,
                "reservation-flow": self._reservation_flow.dead_letters,
                "payment-flow": self._payment_flow.dead_letters,
            },
            functions={
                "reservation-requests": self._allocate.function,
                "flow-signals": self._signal_flows.function,
                "reservation-flow": self._reservation_steps.function,
                "payment-flow": self._payment_steps.function,
                "sweep-holds": self._sweep.function,
                "sweep-requests": self._sweep_requests.function,
                "reconcile": self._reconcile.function,
                "suggest": self._suggest.function,
                "suggestion-feedback": self._feedback.function,
            },
            machines={
                "reservation-flow": self._reservation_flow.machine,
                "payment-flow": self._payment_flow.machine,
            },
        )

    def _declare_outputs(self) -> None:
        for name, value in {
            "ReservationRequestsQueueUrl": self._requests.queue.queue_url,
            "FlowSignalsQueueUrl": self._signals.queue.queue_url,
            "NotificationsEventsQueueUrl": self._notifications.queue.queue_url,
            "SuggestionsEventsQueueUrl": self._suggestions_events.queue.queue_url,
            "DomainEventsTopicArn": self._events.topic.topic_arn,
            "ReservationRequestsTable": self._tables.reservation_requests.table_name,
            "TaskTokensTable": self._tables.task_tokens.table_name,
            "SuggestionsTable": self._tables.suggestions.table_name,
            "SignalsTable": self._tables.signals.table_name,
            "ReservationFlowArn": self._reservation_flow.machine.state_machine_arn,
            "PaymentFlowArn": self._payment_flow.machine.state_machine_arn,
            "SuggestionsDefaultName": self._suggestions_default.parameter_name,
        }.items():
            output = CfnOutput(self, name, value=value)
            if name == "SuggestionsDefaultName":
                output.override_logical_id("SuggestionsDefaultParameter")

    def _machine_arn(self, name: str) -> str:
        """Known by name: functions and machines refer to each other, and a template may not go round in circles."""
        return Arn.format(
            ArnComponents(
                service="states",
                resource="stateMachine",
                resource_name=f"{PREFIX}-{name}",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
            self,
        )

    def _let_start(self, function: PlatformFunction, *machines: str) -> None:
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["states:StartExecution"], resources=[self._machine_arn(name) for name in machines]
            )
        )

    def _let_read_service_token_key(self, function: PlatformFunction) -> None:
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["ssm:GetParameter"],
                resources=[
                    Arn.format(
                        ArnComponents(
                            service="ssm", resource="parameter", resource_name=SERVICE_TOKEN_KEY_PARAMETER.lstrip("/")
                        ),
                        self,
                    )
                ],
            )
        )
