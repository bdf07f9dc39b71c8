"""Two versions of a line that tie in everything but content: the greater by the bytes of its Avro encoding stays."""

from typing import Any

from inventory.columns import LOCATION, NULL, QUANTITY, Columns


def encoded_long(value: int) -> bytes:
    """As Avro writes a long."""
    n = (value << 1) ^ (value >> 63)
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def encoded_text(value: bytes) -> bytes:
    """As Avro writes a string."""
    return encoded_long(len(value)) + value


def _optional(value: bytes | None) -> bytes:
    return b"\x00" if value is None else b"\x02" + value


def encoded_content(
    action: int, channel: bytes, location: bytes | None, quantity: int, commitment: int, expires_at: int,
    needed_at: int, mode: int, allow_partial: int, bundle: bytes | None,
) -> bytes:  # fmt: skip
    """The fields of a Reservation that two records of one line and version can differ in, as Avro writes them.

    `expires_at` and `needed_at` may be `NULL`.
    """
    return b"".join(
        (
            encoded_long(action),
            encoded_text(channel),
            _optional(None if location is None else encoded_text(location)),
            encoded_long(quantity),
            encoded_long(commitment),
            _optional(None if expires_at == NULL else encoded_long(expires_at)),
            _optional(None if needed_at == NULL else encoded_long(needed_at)),
            encoded_long(mode),
            bytes([allow_partial]),
            _optional(None if bundle is None else encoded_text(bundle)),
        )
    )


def text_of(c: Columns, field: int, i: int) -> bytes | None:
    """A text of record i."""
    length = int(c.text_len[field, i])
    if length < 0:
        return None
    at = int(c.text_at[field, i])
    return c.buf[at : at + length].tobytes()


def content_of_record(c: Columns, i: int) -> bytes:
    """The content of reservation record i."""
    longs = [int(v) for v in c.longs[:, i]]
    return encoded_content(
        longs[4], text_of(c, 5, i) or b"", text_of(c, LOCATION, i), longs[QUANTITY], longs[5], longs[6], longs[7],
        longs[8], longs[9], text_of(c, 8, i),
    )  # fmt: skip


def content_of_line(r: Any, channel: bytes, location: bytes | None, bundle: bytes | None) -> bytes:
    """The content of a version that a line has or had (a row of `lines` or `versions`)."""
    return encoded_content(
        int(r["action"]), channel, location, int(r["quantity"]), int(r["commitment"]), int(r["expires_at"]),
        int(r["needed_at"]), int(r["mode"]), int(r["allow_partial"]), bundle,
    )  # fmt: skip
