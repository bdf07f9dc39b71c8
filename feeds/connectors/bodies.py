"""Rendering requests: their bodies, and ids in their paths."""

import json
from typing import Any
from urllib.parse import quote

from feeds.exchange import Request

JSON = {"content-type": "application/json; charset=UTF-8", "accept": "application/json"}
"""The headers of a request with a JSON body."""


def as_json(body: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def segment(name: str) -> str:
    """An id as one segment of a path, whatever is in it; `..` would be another path."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def post(path: str, limit: str, body: Any, items: int = 1, points: int = 0) -> Request:
    """A POST of JSON."""
    return Request("POST", path, limit, headers=JSON, body=as_json(body), items=items, points=points)


def as_file(name: str, content: bytes, kind: str = "application/json") -> tuple[dict[str, str], bytes]:
    """A form with one file: headers and body. `kind`: of the file, the end of which is the end of its name. The
    boundary is taken from the name, which no content has."""
    boundary, end = f"part-{name}", kind.partition("/")[2]
    head = f'Content-Disposition: form-data; name="file"; filename="{name}.{end}"\r\nContent-Type: {kind}'
    body = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (
        boundary.encode(),
        head.encode(),
        content,
        boundary.encode(),
    )
    return {"content-type": f'multipart/form-data; boundary="{boundary}"', "accept": "application/json"}, body
