"""What every task of a state machine is given at synthesis: a time limit, retries by kind, a way to the dead letters.

The definitions in `workers/` say what happens; this module says how long it is tried. A task may say otherwise: its own
`Retry` and `Catch` come first, its own `TimeoutSeconds` and `Output` stay. There, the names `Busy` and `Passing` stand
for the lists of this module.

Error names: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html and
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from typing import Any

State = dict[str, Any]

_LAMBDA = "arn:aws:states:::lambda:invoke"
_TASK_SECONDS = 30
_DEAD_LETTERS = "LeaveInDeadLetters"

# More at once than are allowed. `Lambda.Unknown` is how a function that was killed is reported, and how the emulated
# AWS reports a throttled one.
BUSY = ("Lambda.TooManyRequestsException", "Lambda.Unknown")
# By the beginning of the task's resource. Lists name what the service raises natively, and what our functions do.
PASSING = {
    _LAMBDA: (
        "TransientFault",
        "States.Timeout",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ResourceConflictException",
        "Runtime.ExitError",
        "Runtime.Unknown",
        "Sandbox.Timedout",
    ),
    "arn:aws:states:::sqs:": (
        "States.Timeout",
        "SQS.SdkClientException",
        "SQS.SqsException",
        "SQS.AmazonSQSException",
    ),
    "arn:aws:states:::aws-sdk:dynamodb:": (
        "DynamoDb.InternalServerErrorException",
        "DynamoDb.ThrottlingException",
        "DynamoDb.RequestLimitExceededException",
        "DynamoDb.ProvisionedThroughputExceededException",
        "DynamoDb.DynamoDbException",
        "DynamoDb.SdkClientException",
    ),
}

_JITTER = {"JitterStrategy": "FULL"}
# Room is made within seconds: a second or two at first, ten at most, for more than an hour.
_SOON = {"IntervalSeconds": 1, "BackoffRate": 1.02, "MaxAttempts": 1_000, "MaxDelaySeconds": 10, **_JITTER}
# An outage is sat out. Full jitter makes a minute of the mean delay, so that 800 attempts last for thirteen hours, give
# or take a quarter of one; the flow itself lasts two days. The emulated AWS raises the rate to the number of attempts:
# more than 1,023 would be more than a float holds.
_FOR_HOURS = {"IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 800, "MaxDelaySeconds": 120, **_JITTER}


def hardened(definition: State) -> State:
    """The definition with every task completed."""
    states = {name: _hardened(name, state) for name, state in definition["States"].items()}
    return {**definition, "States": states}


def _hardened(name: str, state: State) -> State:
    if state["Type"] != "Task":
        return state
    passing = next(names for resource, names in PASSING.items() if state["Resource"].startswith(resource))
    lists = {"Passing": passing}
    if state["Resource"] == _LAMBDA:
        lists["Busy"] = BUSY
    completed = {"TimeoutSeconds": _TASK_SECONDS, **state, "Retry": _retriers(state.get("Retry", []), lists)}
    if state["Resource"] == _LAMBDA:
        completed.setdefault("Output", "{% $states.result.Payload %}")
    # What tells of a fault cannot be caught any more: it would lead to itself.
    if state["Arguments"].get("QueueUrl") != "${DeadLettersQueueUrl}":
        completed["Catch"] = _catchers(name, state.get("Catch", []), lists)
    return completed


def _retriers(own: list[State], lists: dict[str, tuple[str, ...]]) -> list[State]:
    """A retrier of the task's own replaces that of the same list."""
    named = {error for retrier in own for error in retrier["ErrorEquals"]}
    kinds = (("Busy", _SOON), ("Passing", _FOR_HOURS))
    added = [{"ErrorEquals": [kind], **how} for kind, how in kinds if kind in lists and kind not in named]
    return [_spelled_out(retrier, lists) for retrier in [*own, *added]]


def _catchers(name: str, own: list[State], lists: dict[str, tuple[str, ...]]) -> list[State]:
    catchers = [_spelled_out(catcher, lists) for catcher in own]
    if not any(catcher["ErrorEquals"] == ["States.ALL"] for catcher in catchers):
        catchers.append({"ErrorEquals": ["States.ALL"], "Next": _DEAD_LETTERS})
    fault = {
        "state": name,
        "error": "{% $states.errorOutput.Error %}",
        "cause": "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
    }
    last = catchers.pop()
    return [*catchers, {**last, "Assign": {"fault": fault}}]


def _spelled_out(rule: State, lists: dict[str, tuple[str, ...]]) -> State:
    names = [error for given in rule["ErrorEquals"] for error in lists.get(given, (given,))]
    return {**rule, "ErrorEquals": names}
