"""`python -m infra.local.emulator`: ministack's own server, serving the application of this room around its own."""

import os
import time
from pathlib import Path

from ministack import app as ministack
from ministack.core.persistence import PERSIST_STATE
from ministack.services import lambda_svc, sqs

from infra.local.emulator.application import DurableEmulator
from infra.local.emulator.journal import Journal
from infra.local.emulator.letters import Letters
from infra.local.emulator.snapshots import Snapshots


def deliver_again() -> None:
    """Makes visible what somebody had received before the end: whoever that was has ended too.

    The functions that take from queues are children of this process. Without this a message would wait for its
    visibility timeout, and everything behind it in its group as well.
    """
    now = time.time()
    for queue in sqs._queues.all_values():
        for message in queue["messages"]:
            if message["receive_count"] > 0:
                message["visible_at"] = min(message["visible_at"], now)


def main() -> None:
    os.umask(0o077)
    if PERSIST_STATE:
        folder = Path(os.environ["STATE_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        # Snapshots come and go; the code that they name by its digest stays in one place.
        lambda_svc.CODE_BLOB_DIR = str(folder / "lambda-blobs")
        letters = os.environ.get("LETTERS_DIR")
        ministack.app = DurableEmulator(
            ministack.app,
            Journal(folder),
            Snapshots(folder),
            Letters(Path(letters) if letters else None),
            ministack._build_persistence_save_dict,
            deliver_again,
        )
    ministack.main()


if __name__ == "__main__":
    main()
