"""A file sent as a form (multipart/form-data), read as far as a marketplace needs it."""

import re
from typing import NamedTuple


class File(NamedTuple):
    """The file part of a form."""

    name: str
    content: bytes


def file_of(content_type: str, body: bytes) -> File | None:
    """The first part with a file name; None: the body is no form, or has none."""
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return None
    found = re.search(r'boundary="?([^";]+)"?', parameters)
    if found is None:
        return None
    for part in body.split(b"--" + found[1].encode())[1:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        named = re.search(rb'filename="([^"]*)"', head)
        if blank and named is not None:
            return File(named[1].decode("utf-8", "replace"), content.removesuffix(b"\r\n"))
    return None
