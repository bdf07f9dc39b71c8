"""The files of a lane's state as bytes: `STJ2`, then frames, each of which holds one section (docs/state.md).

A frame is crc32 u32 (of what follows), header length u32, payload length u64, header (JSON, with the section's name),
payload; little endian. The first frame is named `head` and tells lane and table layout.

Files of the version before begin with `STJ1`: the same frames, without the commits that tell offsets.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from mmap import mmap
from typing import Any, NamedTuple

from inventory.section import Section

MAGIC = b"STJ2"
FORMER = b"STJ1"
FRAME = struct.Struct("<IIQ")


Buffer = bytes | mmap
"""The bytes of a file."""


class FrameError(ValueError):
    """Bytes that are not what a state file holds, from byte `at` on; the text says where and why."""

    def __init__(self, text: str, at: int) -> None:
        super().__init__(text)
        self.at = at


class Frame(NamedTuple):
    """A section as it stands in a file; its checksum is computed when it is written."""

    header: bytes
    payload: bytes | memoryview

    @property
    def size(self) -> int:
        """In bytes, all in all."""
        return FRAME.size + len(self.header) + len(self.payload)

    def parts(self) -> tuple[bytes, bytes | memoryview]:
        """What is to be written, one after the other."""
        crc = zlib.crc32(self.payload, zlib.crc32(self.header))
        return FRAME.pack(crc, len(self.header), len(self.payload)) + self.header, self.payload


def frame_of(section: Section) -> Frame:
    """The frame that holds a section."""
    header = json.dumps({"section": section.name, **section.header}, separators=(",", ":")).encode()
    return Frame(header, section.payload)


def read_frames(data: Buffer, end: int) -> Iterator[tuple[Section, int]]:
    """The sections of a file up to byte `end`, each with the byte that follows it; their payloads are parts of `data`.
    Raises `FrameError`."""
    if data[: len(MAGIC)] not in (MAGIC, FORMER):
        raise FrameError("it does not begin with STJ2", 0)
    at, parts = len(MAGIC), memoryview(data)
    while at < end:
        if at + FRAME.size > end:
            raise FrameError(f"the frame at byte {at} is cut short", at)
        stop = _end_of(data, at, end)
        if not stop:
            raise FrameError(f"the frame at byte {at} is damaged", at)
        _, header_size, _ = FRAME.unpack_from(data, at)
        body = at + FRAME.size
        header: dict[str, Any] = json.loads(data[body : body + header_size])
        name = header.pop("section")
        yield Section(name, header, parts[body + header_size : stop]), stop
        at = stop


def frame_behind(data: Buffer, start: int, name: str) -> bool:
    """Whether a whole frame of that name stands anywhere behind byte `start`, whatever lies between."""
    words = b'{"section":"%s"' % name.encode()
    at = data.find(words, start + FRAME.size)
    while at >= 0:
        if _end_of(data, at - FRAME.size, len(data)):
            return True
        at = data.find(words, at + 1)
    return False


def _end_of(data: Buffer, at: int, end: int) -> int:
    """The byte behind the frame at a byte; 0 where it is damaged, or longer than the file."""
    crc, header_size, payload_size = FRAME.unpack_from(data, at)
    body = at + FRAME.size
    stop = int(body + header_size + payload_size)
    return stop if stop <= end and zlib.crc32(memoryview(data)[body:stop]) == crc else 0
