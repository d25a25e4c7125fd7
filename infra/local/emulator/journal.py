"""What was acknowledged since a snapshot, as the requests themselves: doing them again restores it.

Only what somebody relies on once it is acknowledged is written down: messages and events sent, items written,
executions and parameters. That something was *done with* (a message deleted, an execution ended) is not: after a kill
it may be done twice, which every consumer bears, since SQS delivers at least once anyway.

The file is not forced to the disk: it survives the end of the process, not that of the machine.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

import msgspec

_DYNAMODB: Final = "DynamoDB_20120810"
_TARGETS: Final = frozenset(
    {
        *(f"AmazonSQS.{action}" for action in ("SendMessage", "SendMessageBatch")),
        *(f"{_DYNAMODB}.{action}" for action in ("PutItem", "UpdateItem", "DeleteItem")),
        *(f"{_DYNAMODB}.{action}" for action in ("BatchWriteItem", "TransactWriteItems")),
        "AWSStepFunctions.StartExecution",
        "AWSEvents.PutEvents",
        *(f"AmazonSSM.{action}" for action in ("PutParameter", "DeleteParameter")),
    }
)
_FORM_ACTIONS: Final = frozenset({"Publish", "PublishBatch", "SendMessage", "SendMessageBatch"})


class Change(msgspec.Struct, frozen=True):
    """An HTTP request to the emulator; names of headers are in lower case."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def is_relied_on(self) -> bool:
        """Whether its acknowledgement is a promise that must outlive the process."""
        if self.method != "POST":
            return False
        if target := self.header(b"x-amz-target"):
            return target in _TARGETS
        form = self.form
        # A text message to a telephone has left when it is acknowledged.
        return form.get("Action", "") in _FORM_ACTIONS and "PhoneNumber" not in form

    @property
    def form(self) -> dict[str, str]:
        """The fields of AWS's query protocol, which SNS speaks; none for other bodies."""
        if not self.header(b"content-type").startswith("application/x-www-form-urlencoded"):
            return {}
        return {name: values[0] for name, values in parse_qs(self.body.decode(errors="replace")).items()}


class Journal:
    """`add` writes one change; `begin` starts the file that belongs to a new snapshot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self.length = 0

    def begin(self, generation: int) -> None:
        self.close()
        path = self._folder / f"journal.{generation}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.length = 0

    def add(self, change: Change) -> None:
        os.write(self._file, msgspec.json.encode(change) + b"\n")
        self.length += 1

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def since(self, generation: int) -> Iterator[Change]:
        """What was written down after the snapshot of this number was taken, in order."""
        for number in sorted(number for number in self._numbers() if number >= generation):
            for line in (self._folder / f"journal.{number}").read_bytes().split(b"\n"):
                # A process killed while writing leaves half a line at the end: that change was not acknowledged.
                try:
                    yield msgspec.json.decode(line, type=Change)
                except msgspec.MsgspecError:
                    continue

    def forget_before(self, generation: int) -> None:
        for number in self._numbers():
            if number < generation:
                (self._folder / f"journal.{number}").unlink(missing_ok=True)

    def latest(self) -> int:
        return max(self._numbers(), default=0)

    def _numbers(self) -> list[int]:
        return [int(file.suffix[1:]) for file in self._folder.glob("journal.*") if file.suffix[1:].isdigit()]
