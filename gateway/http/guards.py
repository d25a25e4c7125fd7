"""What a request's headers must be before anything of it is read."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from gateway.http.refusals import HttpRefusal

_JSON: Final = b"application/json"


def require_json(headers: Mapping[bytes, bytes]) -> None:
    """Raises HttpRefusal (415). A page of another site cannot send this media type without asking first (CORS)."""
    content_type = headers.get(b"content-type", b"")
    if content_type == _JSON and b"content-encoding" not in headers:
        return  # as most clients have it
    media, *parameters = content_type.decode("latin-1").split(";")
    if media.strip().lower() != "application/json":
        raise HttpRefusal(415, "Send application/json.", "UNSUPPORTED_MEDIA_TYPE")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in {"utf-8", "utf8"}:
            raise HttpRefusal(415, "Send UTF-8.", "UNSUPPORTED_MEDIA_TYPE")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise HttpRefusal(415, "Send the body without a content encoding.", "UNSUPPORTED_MEDIA_TYPE")


def refuse_other_sites(headers: Mapping[bytes, bytes]) -> None:
    """Raises HttpRefusal (403) for a GET that a page of another site makes a browser send (Fetch Metadata)."""
    if headers.get(b"sec-fetch-site", b"none").strip().lower() in {b"cross-site", b"same-site"}:
        raise HttpRefusal(403, "Requests of other sites are not answered.", "FORBIDDEN")


def is_own_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a WebSocket may be opened: by a program (no Origin), or by a page of this very host."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return urlsplit(origin.decode("latin-1").lower()).netloc == host
