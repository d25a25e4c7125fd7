"""Deploys the committed template into the emulated AWS, as `aws cloudformation deploy` would into the real one.

The template is used as it is. What differs lies in its parameters: where the code is, and where the services are.
"""

import hashlib
import io
import json
import shlex
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local import ministack
from infra.local.demo import suggestions_default
from infra.local.faults import DeploymentFailed
from infra.local.identity import Identity
from infra.local.patience import Patience
from infra.local.services import SENDER_EMAIL, Ports
from infra.local.shares import CONSUMERS, share_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_stepfunctions import SFNClient

TEMPLATE = Path(__file__).resolve().parents[1] / "template" / "application.template.json"
STACK = "bilhetagem-application"
CODE_BUCKET = "bilhetagem-code"
WORKERS_KEY_PARAMETER = "/bilhetagem/workers/service-token-key"
_DIGEST_TAG = "bilhetagem:digest"
# A fixed date in the archive: the same code is the same object.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Deployer:
    """Clients of one emulated AWS. Every call is bounded in time; a fault of ours is a DeploymentFailed."""

    def __init__(self, endpoint: str) -> None:
        self._session = boto3.Session(
            aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=ministack.REGION,
        )
        self._endpoint = endpoint

    def deploy(self, identity: Identity, ports: Ports, template: Path = TEMPLATE) -> dict[str, str]:
        """Puts what operations put, brings the stack to the template, and gives the stack's outputs.

        Does nothing to a stack that was made from the same template and parameters.
        """
        try:
            body = template.read_text()
        except FileNotFoundError as exc:
            raise DeploymentFailed(f"The template {template} is missing: `python -m infra.app` writes it.") from exc
        try:
            self._put_workers_key(identity)
            self._client("ses").verify_email_identity(EmailAddress=SENDER_EMAIL)
            parameters = self._parameters(json.loads(body), identity, ports)
            self._bring_stack(body, parameters)
            self._make_concurrency_a_number()
            self._give_shares()
            return self.outputs()
        except (ClientError, BotoCoreError) as exc:
            raise DeploymentFailed(f"The emulated AWS refused the deployment: {str(exc)[:400]}") from exc

    def resume_executions(self) -> int:
        """Starts again what was running when the emulator was last ended; returns how many.

        On AWS executions outlive everything; here they are told that the service restarted. Each flow's steps are
        idempotent and its waits end at moments stated in its input, so that beginning again is continuing.
        """
        client: SFNClient = self._client("stepfunctions")
        resumed = 0
        for machine in _pages(client, "list_state_machines", "stateMachines"):
            arn = machine["stateMachineArn"]
            for execution in _pages(
                client, "list_executions", "executions", stateMachineArn=arn, statusFilter="FAILED"
            ):
                told = client.describe_execution(executionArn=execution["executionArn"])
                if told.get("error") != "States.ServiceRestart":
                    continue
                try:
                    # The end of a name tells one beginning from another; AWS allows 80 characters.
                    name = f"{told['name'].partition('-resumed-')[0]}-resumed-{int(told['stopDate'].timestamp())}"
                    client.start_execution(stateMachineArn=arn, name=name[:80], input=told.get("input", "{}"))
                except client.exceptions.ExecutionAlreadyExists:
                    continue
                resumed += 1
        return resumed

    def _put_workers_key(self, identity: Identity) -> None:
        self._client("ssm").put_parameter(
            Name=WORKERS_KEY_PARAMETER,
            Type="SecureString",
            Value=identity.service_token_keys["workers"],
            Overwrite=True,
        )

    def _upload_template(self, body: str) -> str:
        """A template of more than 51,200 bytes is taken from S3 only."""
        key = f"templates/{hashlib.sha256(body.encode()).hexdigest()[:16]}.json"
        self._client("s3").put_object(Bucket=CODE_BUCKET, Key=key, Body=body.encode())
        return f"{self._endpoint}/{CODE_BUCKET}/{key}"

    def _parameters(self, template: dict[str, Any], identity: Identity, ports: Ports) -> dict[str, str]:
        code = function_code()
        key = f"{hashlib.sha256(code).hexdigest()[:16]}.zip"
        s3 = self._client("s3")
        try:
            s3.head_object(Bucket=CODE_BUCKET, Key=key)
        except ClientError:
            s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": ministack.REGION})
            s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=code)
        known = {
            "CodeBucket": CODE_BUCKET,
            "CodeKey": key,
            "TicketingUrl": f"{ports.url('ticketing')}/graphql",
            "PaymentsUrl": f"{ports.url('payments')}/graphql",
            "ConcessionsUrl": f"{ports.url('concessions')}/graphql",
            "CustomersUrl": f"{ports.url('customers')}/graphql",
            "NotificationsUrl": f"{ports.url('notifications')}/graphql",
            "ServiceTokenJwks": identity.service_token_jwks,
            "SuggestionsDefault": suggestions_default(),
            "Environment": "development",
        }
        declared: dict[str, Any] = template.get("Parameters", {})
        unknown = [name for name, about in declared.items() if name not in known and "Default" not in about]
        if unknown:
            raise DeploymentFailed(f"The template asks for parameters that nobody here knows: {', '.join(unknown)}.")
        return {name: value for name, value in known.items() if name in declared}

    def _bring_stack(self, body: str, parameters: dict[str, str]) -> None:
        client: CloudFormationClient = self._client("cloudformation")
        digest = hashlib.sha256((body + json.dumps(parameters, sort_keys=True)).encode()).hexdigest()
        present = self._stack(client)
        if present is not None:
            tags = {tag["Key"]: tag["Value"] for tag in present.get("Tags", [])}
            status = present["StackStatus"]
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") and tags.get(_DIGEST_TAG) == digest:
                return
            if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"):
                client.delete_stack(StackName=STACK)
                self._wait(client, gone=True)
                present = None
        change = client.create_stack if present is None else client.update_stack
        try:
            change(
                StackName=STACK,
                TemplateURL=self._upload_template(body),
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": _DIGEST_TAG, "Value": digest}],
            )
        except ClientError as exc:
            if "No updates are to be performed" in str(exc):
                return
            raise
        self._wait(client, gone=False)

    def _make_concurrency_a_number(self) -> None:
        """The emulator keeps a `Number` parameter as text, and its poller of queues fails to compare that."""
        client = self._client("lambda")
        for mapping in _pages(client, "list_event_source_mappings", "EventSourceMappings"):
            concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            # Whether it is text there cannot be seen from here: boto3 reads it as a number.
            if concurrency is not None:
                client.update_event_source_mapping(
                    UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(concurrency)}
                )

    def _give_shares(self) -> None:
        """The emulated CloudFormation does not read a function's reserved concurrency. Consumers are started too."""
        client = self._client("lambda")
        for function in _pages(client, "list_functions", "Functions"):
            name = function["FunctionName"]
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=share_of(name))
            if name in CONSUMERS:
                # Not waited for.
                client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"Records": []}')

    def _stack(self, client: "CloudFormationClient") -> dict[str, Any] | None:
        try:
            stacks: list[Any] = client.describe_stacks(StackName=STACK)["Stacks"]
        except ClientError as exc:
            if "does not exist" in str(exc):
                return None
            raise
        return next((stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"), None)

    def _wait(self, client: "CloudFormationClient", *, gone: bool) -> None:
        patience = Patience(lambda: self._events(client))
        while True:
            stack = self._stack(client)
            status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
            if status in (("DELETE_COMPLETE",) if gone else ("CREATE_COMPLETE", "UPDATE_COMPLETE")):
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeploymentFailed(f"The stack {STACK} is {status}: {self._first_failure(client)}")
            if patience.is_over():
                raise DeploymentFailed(f"The stack {STACK} is still {status}: {patience.why}.")
            time.sleep(0.1)

    def _events(self, client: "CloudFormationClient") -> int:
        """How many things have happened to the stack."""
        try:
            return len(client.describe_stack_events(StackName=STACK)["StackEvents"])
        except ClientError:
            return 0

    def _first_failure(self, client: "CloudFormationClient") -> str:
        events = client.describe_stack_events(StackName=STACK)["StackEvents"]
        for event in reversed(events):
            if "FAILED" in event.get("ResourceStatus", ""):
                return f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason', 'no reason given')}"
        return "no reason given."

    def outputs(self) -> dict[str, str]:
        """Those of the deployed stack. Raises DeploymentFailed when there is none."""
        stack = self._stack(self._client("cloudformation"))
        if stack is None:
            raise DeploymentFailed(f"The stack {STACK} has gone.")
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _client(self, service: str) -> Any:
        config = Config(connect_timeout=3, read_timeout=60, retries={"total_max_attempts": 2, "mode": "standard"})
        return self._session.client(service, endpoint_url=self._endpoint, config=config)  # type: ignore[call-overload]


def function_code() -> bytes:
    """The one archive of all functions: a `bootstrap` that speaks the Lambda runtime API with our own interpreter.

    Which function it is tells `_HANDLER`, as in Lambda.

    The emulator's own Python runtime reports every exception as `Runtime.HandlerError`, by which no Retry or Catch of
    a state machine could tell one from another; a custom runtime reports the exception's name, as Lambda does.
    """
    # Not resolved: the interpreter of a virtual environment is a link, and following it leaves the environment.
    bootstrap = f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -m workers.runtime.lambda_loop\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo("bootstrap", _EPOCH)
        entry.create_system = 3  # Unix: the mode below counts
        entry.external_attr = 0o755 << 16
        file.writestr(entry, bootstrap)
    return archive.getvalue()


def _pages(client: Any, operation: str, key: str, **arguments: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]
