"""One Lambda function: its own role, its own log group, a cap on how many run at once."""

from dataclasses import dataclass
from typing import cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stacks.queues import PREFIX

# How cdk-nag names a statement about all resources.
WILDCARD_RESOURCE = "AwsSolutions::AwsSolutions-IAM5[Resource::*]"


@dataclass(frozen=True, slots=True)
class Code:
    """Where the one zip of all functions lies, and what every function is told."""

    location: lambda_.Code
    environment: dict[str, str]


class PlatformFunction(Construct):
    """`bilhetagem-<name>` running `handler` (`module:function`) under the bootstrap of the zip.

    The role may write to the function's own log group and nothing else; what it needs beyond is granted by the stack.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        handler: str,
        code: Code,
        timeout: Duration,
        at_most: int,
        memory_mib: int = 256,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        full_name = f"{PREFIX}-{name}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.role = iam.Role(
            self, "Role", assumed_by=cast("iam.IPrincipal", iam.ServicePrincipal("lambda.amazonaws.com"))
        )
        log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=full_name,
            runtime=lambda_.Runtime.PROVIDED_AL2023,
            handler=handler,
            code=code.location,
            role=cast("iam.IRole", self.role),
            timeout=timeout,
            memory_size=memory_mib,
            reserved_concurrent_executions=at_most,
            environment={**code.environment, **(environment or {})},
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
        )
        Validations.of(self.role).acknowledge(
            Acknowledgment(
                id=WILDCARD_RESOURCE,
                reason="X-Ray, the only service with all resources, knows no permissions by resource.",
            )
        )
