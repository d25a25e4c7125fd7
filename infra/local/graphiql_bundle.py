"""`python -m infra.local.graphiql_bundle` builds the GraphiQL page that works without internet, from npm's packages.

What it makes is not committed; a bare install serves the page that loads GraphiQL from a CDN instead.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.local.faults import LocalFault
from infra.local.node import install_packages, node_environment, node_program

FOLDER: Final = Path(__file__).resolve().parents[2] / "gateway" / "http" / "graphiql"
_BUILD_SECONDS: Final = 600


def build_bundle() -> None:
    """Raises ``LocalFault`` when npm or Vite fails. Does nothing when the bundle is newer than what it is made of."""
    built = FOLDER / "dist" / "index.html"
    sources = [FOLDER / "package-lock.json", FOLDER / "index.html", FOLDER / "vite.config.js", *FOLDER.glob("src/*")]
    if built.exists() and all(built.stat().st_mtime >= source.stat().st_mtime for source in sources):
        return
    install_packages(FOLDER)
    ran = subprocess.run(  # noqa: S603 (our own arguments)
        [node_program(), "node_modules/vite/bin/vite.js", "build", "--logLevel", "error"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
        env=node_environment(),
    )
    if ran.returncode != 0:
        raise LocalFault(f"Vite could not build GraphiQL: {ran.stderr.strip()[-1000:]}")


if __name__ == "__main__":
    try:
        build_bundle()
    except LocalFault as fault:
        sys.exit(str(fault))
