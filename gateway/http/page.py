"""GraphiQL for browsers: bundled when it has been built, from a CDN otherwise."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.http.asgi import Receive, Scope, Send, respond
from gateway.http.negotiation import CONTENT_TYPES

BUNDLE: Final = Path(__file__).parent / "graphiql" / "dist"
CDN_PAGE: Final = Path(__file__).parent / "graphiql" / "cdn.html"
ASSETS: Final = "/graphiql/"

_SAFE: Final = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


@dataclass(frozen=True, slots=True)
class GraphiQLPage:
    """`bundle` is the folder that Vite wrote; its assets are served under `ASSETS`."""

    html: bytes
    bundle: Path | None = None

    @classmethod
    def load(cls, bundle: Path = BUNDLE) -> "GraphiQLPage":
        index = bundle / "index.html"
        if index.is_file():
            return cls(index.read_bytes(), bundle.resolve())
        return cls(CDN_PAGE.read_bytes())

    async def show(self, send: Send) -> None:
        await respond(send, 200, self.html, CONTENT_TYPES["html"], (*_SAFE, (b"vary", b"Accept")))

    async def serve_asset(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """A file of the bundle, by a path below `ASSETS`; 404 for anything else."""
        found = self._find(scope["path"].removeprefix(ASSETS)) if scope["method"] in {"GET", "HEAD"} else None
        if found is None:
            await respond(send, 404, b"Not found\n", b"text/plain; charset=utf-8")
            return
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        await respond(send, 200, found.read_bytes(), kind.encode(), _SAFE)

    def _find(self, name: str) -> Path | None:
        if self.bundle is None or not name or "\0" in name:
            return None
        path = (self.bundle / name).resolve()
        return path if path.is_relative_to(self.bundle) and path.is_file() else None
