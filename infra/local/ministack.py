"""ministack, the emulated AWS: how it is started, and when it is ready."""

import importlib.util
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from infra.local.faults import ExtraMissing, NotReadyInTime
from infra.local.shares import ACCOUNT_CONCURRENCY

REGION = "sa-east-1"
ACCOUNT = "000000000000"
_SAVE_SECONDS = 130.0
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def command() -> list[str]:
    """Raises ExtraMissing without the `local` extra."""
    if importlib.util.find_spec("ministack") is None:
        raise ExtraMissing("ministack is not installed here: install the extra with `pip install 'bilhetagem[local]'`.")
    return [sys.executable, "-m", "infra.local.emulator"]


def environment(port: int, directory: Path, *, persistent: bool = True, letters: Path | None = None) -> dict[str, str]:
    """The environment of the child: one port on 127.0.0.1, no SFTP or MQTT listener, its state below `directory`.

    What it acknowledged outlives it (see `infra.local.emulator`); objects of S3 are files from the start.
    What it sends to people is kept in the folder `letters`.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = directory / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LOCALSTACK_"))},
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1" if persistent else "0",
        "STATE_DIR": str(directory / "state"),
        **({} if letters is None else {"LETTERS_DIR": str(letters)}),
        "S3_PERSIST": "1" if persistent else "0",
        "S3_DATA_DIR": str(directory / "s3"),
        # Code of functions and the pid file go to the temporary folder: keep one home's apart from another's.
        "TMPDIR": str(temporary),
        # Room for every function's share (see `shares.py`); without a bound, dozens of Pythons start at once.
        "LAMBDA_ACCOUNT_CONCURRENCY": str(ACCOUNT_CONCURRENCY),
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
    }


def save(endpoint: str) -> None:
    """Takes a snapshot of all its state now. Raises NotReadyInTime when it cannot."""
    request = urllib.request.Request(f"{endpoint}/_bilhetagem/snapshot", method="POST")  # noqa: S310 (our own child)
    try:
        with urllib.request.urlopen(request, timeout=_SAVE_SECONDS):  # noqa: S310
            pass
    except (urllib.error.URLError, TimeoutError, ConnectionError) as exc:
        raise NotReadyInTime(f"The emulated AWS could not save its state ({exc}).") from exc


def is_ready(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/ready", timeout=1) as answer:  # noqa: S310 (our own child)
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
