"""The folder in which one local platform keeps everything: data, keys, logs, and the record of what runs."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from infra.local.faults import AlreadyRunning, HomeUnusable, NotRunning
from infra.local.parts import PartStatus
from infra.local.postgres.binaries import reachable_by_others, server_account

_MARK = "bilhetagem-home"


class Record(msgspec.Struct, frozen=True):
    """What a running platform tells about itself: addresses and sign-ins in `status`, how each part is in `parts`."""

    pid: int
    status: dict[str, Any]
    parts: dict[str, PartStatus]


@dataclass(frozen=True, slots=True)
class Home:
    directory: Path

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def identity(self) -> Path:
        return self.directory / "identity"

    @property
    def ministack(self) -> Path:
        return self.directory / "ministack"

    @property
    def sandbox(self) -> Path:
        return self.directory / "sandbox"

    @property
    def letters(self) -> Path:
        """What the emulated AWS sent to people; the mailbox shows it."""
        return self.directory / "mailbox"

    @property
    def postgres(self) -> Path:
        """Beside the rest; for root in a place that PostgreSQL's account cannot reach, below /var/tmp."""
        if server_account() is None or reachable_by_others(self.directory):
            return self.directory / "postgres"
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"bilhetagem-{digest}" / "postgres"  # noqa: S108 (ownership is checked in `prepare`)

    @property
    def record_file(self) -> Path:
        return self.directory / "platform.json"

    def prepare(self) -> None:
        """Makes the folders. Raises HomeUnusable, in one sentence."""
        try:
            self.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            mark = self.directory / _MARK
            if not mark.exists():
                foreign = next(iter(self.directory.iterdir()), None)
                if foreign is not None:
                    raise HomeUnusable(
                        f"{self.directory} holds other things ({foreign.name}) and was not made by `bilhetagem up`: "
                        "choose another --home."
                    )
                mark.write_text("The local platform keeps its data, keys and logs here.\n")
            if not os.access(self.directory, os.W_OK | os.X_OK):
                raise PermissionError(13, "no permission", str(self.directory))
            for folder in (self.logs, self.identity, self.ministack, self.letters, self.sandbox):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)  # those of earlier versions were readable by others
            outside = self.postgres.parent
            if outside != self.directory:
                outside.mkdir(mode=0o711, exist_ok=True)
                if outside.is_symlink() or outside.lstat().st_uid != os.geteuid():
                    raise HomeUnusable(f"{outside} belongs to somebody else: choose another --home.")
        except PermissionError as exc:
            raise HomeUnusable(f"There is no permission to write {exc.filename}: choose another --home.") from exc
        except (FileExistsError, NotADirectoryError) as exc:
            raise HomeUnusable(f"{exc.filename} is not a folder: choose another --home.") from exc
        except OSError as exc:
            raise HomeUnusable(f"{self.directory} cannot be used ({exc.strerror}): choose another --home.") from exc

    def wipe(self) -> None:
        """Forgets everything. Only a folder that this command made is ever removed; call it with the lock held."""
        if not self.directory.exists():
            return
        if not (self.directory / _MARK).exists():
            self.prepare()  # says why not, or there is nothing to remove
        try:
            for entry in self.directory.iterdir():
                if entry.name in (_MARK, "lock"):
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
            if self.postgres.parent != self.directory and self.postgres.parent.exists():
                shutil.rmtree(self.postgres.parent)
        except PermissionError as exc:
            raise HomeUnusable(f"There is no permission to remove {exc.filename}.") from exc

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Held by whoever runs the platform of this home; the kernel lets go of it however the holder ends."""
        with (self.directory / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise AlreadyRunning(
                    f"A platform already runs in {self.directory}: `bilhetagem status` shows it, "
                    "`bilhetagem down` ends it."
                ) from exc
            yield

    def is_running(self) -> bool:
        try:
            with (self.directory / "lock").open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def write_record(self, record: Record) -> None:
        fresh = self.record_file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.rename(self.record_file)

    def record(self) -> Record:
        """Raises NotRunning unless a platform runs here and has told about itself."""
        if self.is_running():
            with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
                return msgspec.json.decode(self.record_file.read_bytes(), type=Record)
        raise NotRunning(f"No platform runs in {self.directory}: start it with `bilhetagem up`.")


def default_home() -> Path:
    """`BILHETAGEM_HOME`; else `.bilhetagem` in the checkout; else, for an installed wheel, the user's data folder."""
    if chosen := os.environ.get("BILHETAGEM_HOME"):
        return Path(chosen).expanduser().resolve()
    project = Path(__file__).resolve().parents[2]
    if (project / "pyproject.toml").exists():
        return project / ".bilhetagem"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "bilhetagem"
