"""What waits in the emulated AWS: messages, dead letters, requests that nobody has decided."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import boto3
from botocore.config import Config

from infra.local import ministack
from tests.drills.platform_under_drill import DrilledPlatform


def _client(platform: DrilledPlatform, service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=platform.status["aws"],
        region_name=ministack.REGION,
        config=Config(connect_timeout=3, read_timeout=15),
        aws_access_key_id=ministack.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ministack.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


async def messages(platform: DrilledPlatform) -> dict[str, int]:
    """How many messages each queue holds, those in somebody's hands included, delayed ones not; empty ones left out."""
    return await asyncio.to_thread(_messages, platform)


def _messages(platform: DrilledPlatform) -> dict[str, int]:
    sqs = _client(platform, "sqs")
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found: dict[str, int] = {}
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
            if number := sum(int(attributes[name]) for name in wanted):
                found[urlsplit(url).path.rpartition("/")[2]] = number
    return found


async def undecided(platform: DrilledPlatform) -> list[str]:
    """Recorded requests that ticketing has no reservation for."""
    recorded = await asyncio.to_thread(_recorded, platform)
    database = await asyncpg.connect(platform.database_url("ticketing"))
    try:
        decided = {str(row["id"]) for row in await database.fetch("SELECT id FROM reservations")}
    finally:
        await database.close()
    return sorted(recorded - decided)


def _recorded(platform: DrilledPlatform) -> set[str]:
    dynamodb = _client(platform, "dynamodb")
    (table,) = (name for name in dynamodb.list_tables()["TableNames"] if "reservation-requests" in name)
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table, ProjectionExpression="reservation_id", FilterExpression="attribute_exists(sector_id)"
    )
    return {item["reservation_id"]["S"] for page in pages for item in page["Items"]}
