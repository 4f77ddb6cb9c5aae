"""URLs and statuses that pages and manifests write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")


@dataclass(frozen=True)
class Url:
    host: str
    port: int
    path: str


def read_url(text: str) -> Url | str:
    """The parts of an `http://` URL, or why it cannot be asked."""
    if re.search(r"[\s`{}\\\x00-\x1f\x7f]", text) or not text.isascii():
        return f"`{text}` is not a URL"
    if not re.match(r"[a-z]+://", text):
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"`{text}` is not a URL"
    if parts.scheme != "http":
        return f"`{parts.scheme}://` is not supported by this version; ask with http://"
    if parts.username or parts.password:
        return "a URL with a password in it is not supported"
    if not parts.hostname or not _HOST.match(parts.hostname):
        return f"`{text}` has no host name"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.hostname, 80 if port is None else port, path)
