"""Lines of till transactions as transactions of their own, made by copying bytes."""

import numpy as np

from inventory.columns import Bytes, Longs, Records
from inventory.jit import making_kernel
from wire.decode_columns import PosExtents

_ONE_ITEM = 2
_NO_MORE = 0


def one_line_transactions(buf: Bytes, extents: PosExtents, rows: Longs) -> Records:
    """For each of those rows, a framed PosTransaction with its message's own fields and that line alone.

    `buf` is that of the POS_LINE columns, `rows` positions in them. Every message is decodable by itself.
    """
    head_start, head_end, line_start, line_end = extents
    sizes = (head_end[rows] - head_start[rows]) + (line_end[rows] - line_start[rows]) + 2
    end = np.cumsum(sizes)
    out = np.empty(int(end[-1]) if len(end) else 0, np.uint8)
    start = end - sizes
    copy_lines(buf, head_start, head_end, line_start, line_end, rows, start, out)
    out.flags.writeable = False
    return Records(out, start, end)


@making_kernel
def copy_lines(
    buf: Bytes,
    head_start: Longs,
    head_end: Longs,
    line_start: Longs,
    line_end: Longs,
    rows: Longs,
    start: Longs,
    out: Bytes,
) -> None:
    """Write message i of `rows` at `start[i]`: head, a block of one item, the line, the end of the array."""
    for i in range(rows.shape[0]):
        row = rows[i]
        at = start[i]
        size = head_end[row] - head_start[row]
        out[at : at + size] = buf[head_start[row] : head_end[row]]
        at += size
        out[at] = _ONE_ITEM
        at += 1
        size = line_end[row] - line_start[row]
        out[at : at + size] = buf[line_start[row] : line_end[row]]
        out[at + size] = _NO_MORE
