"""The reconciliation on one machine: by command, and once by itself whenever the platform has started.

    python -m infra.local.reconciliation HOME

is what the platform runs after its start: nothing that was under way before has survived for certain, so nothing is
left alone for being young.
"""

import contextlib
import sys
import time
from pathlib import Path

import boto3
import httpx
from botocore.config import Config

from infra.local import ministack
from infra.local.deployer import Deployer
from infra.local.home import Home
from infra.local.identity import load_or_create
from workers.reconcile.reconcile import GRACE_SECONDS, Reconciliation
from workers.reconcile.report import Report
from workers.reservation_flow.steps import ReservationSteps
from workers.runtime.service_tokens import ServiceTokens
from workers.runtime.subgraph_client import SubgraphClient

_ROUNDS = 5
_PAUSE_SECONDS = 3.0


def reconcile(home: Home, *, dry: bool = False, grace_seconds: int = GRACE_SECONDS) -> Report:
    """One run against the platform that runs in `home`; what it did is in its log. Raises LocalFault."""
    status = home.record().status
    with (
        (home.logs / "reconcile.log").open("a", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        # Of our own, so that no proxy of the calling environment stands between.
        httpx.HTTPTransport() as transport,
    ):
        steps = _steps(home, status["aws"], status["subgraphs"], transport)
        return Reconciliation(steps, dry, grace_seconds).run()


def _steps(home: Home, aws_endpoint: str, urls: dict[str, str], transport: httpx.BaseTransport) -> ReservationSteps:
    sns = boto3.client(
        "sns",
        endpoint_url=aws_endpoint,
        region_name=ministack.REGION,
        aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}),
    )
    key = load_or_create(home.identity).service_token_keys["workers"]
    services = SubgraphClient(urls, ServiceTokens(lambda: key), transport=transport)
    return ReservationSteps(services, sns, Deployer(aws_endpoint).outputs()["DomainEventsTopicArn"])


def main() -> None:
    """Runs until a run finds nothing more to do, a few times at most; the schedule sees to what is left."""
    home = Home(Path(sys.argv[1]))
    for _ in range(_ROUNDS):
        report = reconcile(home, grace_seconds=0)
        if report.is_clean and not report.found.total():
            return
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
