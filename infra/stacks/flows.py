"""State machines from the definitions that lie beside their steps in `workers/`."""

import json
from pathlib import Path
from typing import cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.stacks.endurance import hardened
from infra.stacks.functions import WILDCARD_RESOURCE
from infra.stacks.queues import PREFIX, DeadLetterQueue

_WORKERS = Path(__file__).parents[2] / "workers"


class Flow(Construct):
    """`bilhetagem-<name>`: calls its steps, waits with a task token, and leaves what it cannot do in its own DLQ.

    `deadlines` is the queue to which it sends itself a delayed message for the end of a wait.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        steps: lambda_.IFunction,
        tokens: dynamodb.ITable,
        deadlines: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = DeadLetterQueue(self, "DeadLetters", name=name)
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/vendedlogs/states/{PREFIX}-{name}",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=f"{PREFIX}-{name}",
            definition_body=sfn.DefinitionBody.from_string(definition(name.replace("-", "_"))),
            definition_substitutions={
                "StepsFunctionArn": steps.function_arn,
                "TaskTokensTable": tokens.table_name,
                "DeadlinesQueueUrl": deadlines.queue_url,
                "DeadLettersQueueUrl": self.dead_letters.queue_url,
            },
            timeout=Duration.days(2),
            tracing_enabled=True,
            # Buyers' data travels through executions: it stays out of the logs.
            logs=sfn.LogOptions(
                destination=cast("logs.ILogGroup", log_group), level=sfn.LogLevel.ALL, include_execution_data=False
            ),
        )
        # Not `grant_invoke`: that would allow every version and alias of the function too.
        self.machine.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[steps.function_arn])
        )
        tokens.grant(self.machine, "dynamodb:PutItem")
        deadlines.grant_send_messages(self.machine)
        self.dead_letters.grant_send_messages(self.machine)
        Validations.of(self.machine).acknowledge(
            Acknowledgment(
                id=WILDCARD_RESOURCE, reason="X-Ray and the delivery of vended logs know no permissions by resource."
            )
        )
        Validations.of(self.dead_letters).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-SQS3",
                reason="It is a dead-letter queue: the machine itself sends to it.",
            )
        )


def definition(flow: str) -> str:
    """The ASL of `workers/<flow>/definition.asl.json`, with retries and catchers, compact, its `${…}` still in it."""
    source = json.loads((_WORKERS / flow / "definition.asl.json").read_text(encoding="utf-8"))
    return json.dumps(hardened(source), ensure_ascii=False, separators=(",", ":"))
