"""The application stack in an account of its own in the emulated AWS, and a stand-in for the subgraphs it asks."""

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.workers.deployed import REGION, Deployed, Heard
from tests.workers.subgraphs import Subgraphs

_ROOT = Path(__file__).parents[2]
_TEMPLATE = _ROOT / "infra" / "template" / "application.template.json"
_BOOTSTRAP = """#!/bin/sh
PYTHONPATH={root} exec {python} -m workers.runtime.lambda_loop
"""


@pytest.fixture(scope="session")
def subgraphs() -> Iterator[Subgraphs]:
    """Ticketing, payments and concessions, as far as workers can tell: GraphQL over HTTP that a test can direct."""
    with Subgraphs() as running:
        yield running


@pytest.fixture(scope="session")
def signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="session")
def deployed(aws_endpoint: str, subgraphs: Subgraphs, signing_key: Ed25519PrivateKey) -> Iterator[Deployed]:
    """The committed template, deployed; physical names are fixed, so each process has an AWS account of its own."""
    account = str(uuid4().int)[:12]

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=aws_endpoint,
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard"}, read_timeout=60),
        )

    code = _code()
    s3 = client("s3")
    bucket = f"code-{account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="functions.zip", Body=code)
    s3.put_object(Bucket=bucket, Key="template.json", Body=_TEMPLATE.read_bytes())
    pem = signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    client("ssm").put_parameter(Name="/bilhetagem/workers/service-token-key", Value=pem, Type="SecureString")
    given = {
        "CodeBucket": bucket,
        "CodeKey": "functions.zip",
        "TicketingUrl": subgraphs.url("ticketing"),
        "PaymentsUrl": subgraphs.url("payments"),
        "ConcessionsUrl": subgraphs.url("concessions"),
        "CustomersUrl": subgraphs.url("customers"),
        "NotificationsUrl": subgraphs.url("notifications"),
        "ServiceTokenJwks": '{"keys":[]}',
    }
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="bilhetagem-application",
        TemplateURL=f"{aws_endpoint}/{bucket}/template.json",
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="bilhetagem-application", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    except Exception:
        for event in cloudformation.describe_stack_events(StackName="bilhetagem-application")["StackEvents"]:
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event.get("ResourceStatusReason"))
        raise
    stack = cloudformation.describe_stacks(StackName="bilhetagem-application")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    # Their schedules would call beside the tests, which call them themselves.
    for rule in ("bilhetagem-sweep-holds", "bilhetagem-sweep-requests", "bilhetagem-reconcile"):
        client("events").disable_rule(Name=rule)
    yield Deployed(client, outputs)
    cloudformation.delete_stack(StackName="bilhetagem-application")


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, _BOOTSTRAP.format(root=_ROOT, python=sys.executable))
    return packed.getvalue()


@pytest.fixture
def directed(subgraphs: Subgraphs) -> Iterator[Callable[..., None]]:
    """`directed(confirmReservation={...})`: what a field answers for a reservation or payment of this test."""
    yield subgraphs.answer
    subgraphs.forget()


@pytest.fixture
def heard(deployed: Deployed) -> Iterator[Heard]:
    sqs, sns = deployed.aws("sqs"), deployed.aws("sns")
    url = sqs.create_queue(QueueName=f"heard-{uuid4()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(
        TopicArn=deployed.outputs["DomainEventsTopicArn"],
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
    )["SubscriptionArn"]
    yield Heard(deployed, url)
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def hurried(deployed: Deployed) -> Iterator[Callable[..., str]]:
    """`hurried("reservation", given)` starts the deployed definition with the delays between its attempts left out.

    A third argument is what states are changed in, by name.
    """
    machines = deployed.aws("stepfunctions")
    made: list[str] = []

    def start(flow: str, given: dict[str, Any], changes: dict[str, dict[str, Any]] | None = None) -> str:
        arn = deployed.outputs["ReservationFlowArn" if flow == "reservation" else "PaymentFlowArn"]
        original = machines.describe_state_machine(stateMachineArn=arn)
        definition = json.loads(original["definition"])
        for name, state in definition["States"].items():
            state.update((changes or {}).get(name, {}))
            for retrier in state.get("Retry", []):
                retrier["IntervalSeconds"] = 0
            if state["Type"] == "Wait":
                state["Seconds"] = 0
        machine = machines.create_state_machine(
            name=f"hurried-{uuid4()}", definition=json.dumps(definition), roleArn=original["roleArn"]
        )["stateMachineArn"]
        made.append(machine)
        execution: str = machines.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return execution

    yield start
    for machine in made:
        machines.delete_state_machine(stateMachineArn=machine)
