"""The files of a lane's state as bytes: `STJ1`, then frames, each of which holds one section.

A frame is crc32 u32 (of what follows), header length u32, payload length u64, header (JSON, with the section's name),
payload; little endian. The first frame is named `head` and tells lane and table layout.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from inventory.sections import Section

MAGIC = b"STJ1"
FRAME = struct.Struct("<IIQ")


class FrameError(ValueError):
    """Bytes that are not what a state file holds; the text says where and why."""


class Frame(NamedTuple):
    """A section as it stands in a file; its checksum is computed when it is written."""

    header: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """In bytes, all in all."""
        return FRAME.size + len(self.header) + len(self.payload)

    def parts(self) -> tuple[bytes, bytes]:
        """What is to be written, one after the other."""
        crc = zlib.crc32(self.payload, zlib.crc32(self.header))
        return FRAME.pack(crc, len(self.header), len(self.payload)) + self.header, self.payload


def frame_of(section: Section) -> Frame:
    """The frame that holds a section."""
    header = json.dumps({"section": section.name, **section.header}, separators=(",", ":")).encode()
    return Frame(header, section.payload)


def read_frames(data: bytes, end: int) -> Iterator[tuple[Section, int]]:
    """The sections of a file up to byte `end`, each with the byte that follows it. Raises `FrameError`."""
    if data[: len(MAGIC)] != MAGIC:
        raise FrameError("it does not begin with STJ1")
    at = len(MAGIC)
    view = memoryview(data)
    while at < end:
        body = at + FRAME.size
        if body > end:
            raise FrameError(f"the frame at byte {at} is cut short")
        crc, header_size, payload_size = FRAME.unpack_from(data, at)
        stop = body + header_size + payload_size
        if stop > end or zlib.crc32(view[body:stop]) != crc:
            raise FrameError(f"the frame at byte {at} is damaged")
        header: dict[str, Any] = json.loads(data[body : body + header_size])
        name = header.pop("section")
        yield Section(name, header, data[body + header_size : stop]), stop
        at = stop
