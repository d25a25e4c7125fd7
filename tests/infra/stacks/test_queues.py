"""Queues: nothing that cannot be handled is lost, retried for ever, or holds up the rest."""

from typing import Any

from infra.stacks.events import LISTENERS
from tests.infra.stacks.conftest import Resources


def _of_type(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def test_every_queue_has_dead_letters_that_keep_for_the_longest_time(resources: Resources) -> None:
    queues = _of_type(resources, "AWS::SQS::Queue")
    dead = {name: queue for name, queue in queues.items() if queue["QueueName"].removesuffix(".fifo").endswith("-dlq")}
    assert {queue["QueueName"] for queue in queues.values()} - {queue["QueueName"] for queue in dead.values()} == {
        "bilhetagem-reservation-requests.fifo",
        "bilhetagem-flow-signals",
        "bilhetagem-notifications-events",
        "bilhetagem-suggestions-events",
    }
    for name, queue in queues.items():
        if name in dead:
            assert queue["MessageRetentionPeriod"] == 14 * 86_400
            continue
        behind = dead[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
        plain, _, fifo = queue["QueueName"].partition(".")
        assert behind["QueueName"] == f"{plain}-dlq" + (f".{fifo}" if fifo else "")
        assert behind["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_queues_are_encrypted_and_refuse_plain_http(resources: Resources) -> None:
    queues = _of_type(resources, "AWS::SQS::Queue")
    refusing = {
        policy["Queues"][0]["Ref"]
        for policy in _of_type(resources, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert refusing == queues.keys()
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())


def test_messages_stay_invisible_for_six_times_their_function_s_time_limit(resources: Resources) -> None:
    """AWS's own advice, so that a throttled batch is not handled twice at a time; single failures are reported.

    And no longer than half a minute: that is how long a worker that is killed or frozen keeps its batch.
    """
    queues, functions = _of_type(resources, "AWS::SQS::Queue"), _of_type(resources, "AWS::Lambda::Function")
    mappings = _of_type(resources, "AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 2
    for mapping in mappings.values():
        queue = queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
        function = functions[mapping["FunctionName"]["Ref"]]
        assert 6 * function["Timeout"] <= queue["VisibilityTimeout"] <= 30
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        # What a queue wakes is never throttled: its function has a share of its own, beyond what the mapping uses.
        assert 2 <= mapping["ScalingConfig"]["MaximumConcurrency"] < function["ReservedConcurrentExecutions"]


def test_an_outage_of_two_hours_fills_no_dead_letter_queue(resources: Resources) -> None:
    """Functions' failures come back within a minute, services' when their visibility timeout ends."""
    longest = {"bilhetagem-reservation-requests.fifo": 60, "bilhetagem-flow-signals": 60}
    for queue in _of_type(resources, "AWS::SQS::Queue").values():
        if "RedrivePolicy" in queue:
            interval = longest.get(queue["QueueName"], queue["VisibilityTimeout"])
            # The first receives come sooner: six of them within two minutes.
            assert interval * (queue["RedrivePolicy"]["maxReceiveCount"] - 6) > 2 * 3_600 * 1.5


def test_order_is_kept_within_a_group_and_groups_do_not_wait_for_each_other(resources: Resources) -> None:
    (requests,) = (
        queue
        for queue in _of_type(resources, "AWS::SQS::Queue").values()
        if queue["QueueName"] == "bilhetagem-reservation-requests.fifo"
    )
    assert requests["FifoQueue"] is True
    assert requests["FifoThroughputLimit"] == "perMessageGroupId"
    assert requests["DeduplicationScope"] == "messageGroup"
    # The gateway gives each request's own id.
    assert "ContentBasedDeduplication" not in requests


def test_each_listener_gets_the_raw_events_that_it_listens_to(resources: Resources) -> None:
    queues = _of_type(resources, "AWS::SQS::Queue")
    heard = {}
    for subscription in _of_type(resources, "AWS::SNS::Subscription").values():
        assert subscription["RawMessageDelivery"] is True
        queue = queues[subscription["Endpoint"]["Fn::GetAtt"][0]]["QueueName"]
        heard[queue] = set(subscription["FilterPolicy"]["type"])
    assert heard == {
        "bilhetagem-notifications-events": set(LISTENERS["notifications"]),
        "bilhetagem-suggestions-events": set(LISTENERS["suggestions"]),
        "bilhetagem-flow-signals": set(LISTENERS["flow_signals"]),
    }
